using System.Runtime.Loader;
using EvBus.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Plugins;

public class PluginsOnABusTests
{
    private static readonly Profile s_profile = new("one", "default", new Dictionary<string, object?>());

    [Fact]
    public async Task A_folder_dropped_in_is_a_lane_after_the_start_and_only_what_a_profile_names_is_loaded()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One");
        bed.Install("Plugin.Two");
        await using var bus = await EventBus.StartAsync(bus => bus.AddPlugins(bed.Path).AddProfiles(new Profiles(s_profile)));
        var result = await bus.PutAsync(Given.Event("x", "default"), Receipt.Delivered()).AsTask().Soon();
        Assert.Contains("one/default: hello from Greeting 1", result.Reason, StringComparison.Ordinal);
        Assert.Equal(["Greeting", "Plugin.One"], bed.LoadedAssemblies().Order());
    }

    [Fact]
    public async Task A_plugin_that_needs_no_profile_has_a_lane_for_every_event()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.Two", null, ("needs_profile", false));
        await using var bus = await EventBus.StartAsync(bus => bus.AddPlugins(bed.Path));
        await bus.PutAsync(Given.Event("x"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(1, bus.Lane("two").Dead);
    }

    [Fact]
    public async Task A_broken_plugin_costs_its_own_lanes_and_a_warning()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", "stale", ("contract", "2.0"), ("name", "stale"));
        File.Delete(Path.Combine(bed.Install("Plugin.One"), "Greeting.dll"));
        var log = new CapturedLog();
        var healthy = new ScriptedPublisher();
        await using var bus = await EventBus.StartAsync(bus =>
        {
            bus.LoggerFactory = log;
            bus.AddPlugins(bed.Path).AddProfiles(new Profiles(s_profile)).Publisher("healthy", healthy);
        });
        await bus.PutAsync(Given.Event("x"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(1, bus.Lane("healthy").Delivered);
        Assert.Single(bus.GetStatus().Lanes);
        Assert.Contains(log.Lines, line => line.StartsWith("The ingress plugin stale is not usable: contract 2.0, host 1.0", StringComparison.Ordinal));
        Assert.Contains(log.Lines, line => line.StartsWith("The ingress plugin one is not usable: it needs the assembly 'Greeting, Version=1.0.0.0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_strict_bus_does_not_start_with_a_broken_plugin_and_names_all_of_them()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", "stale", ("contract", "2.0"), ("name", "stale"));
        bed.Install("Plugin.One", "throws", ("type", "Plugins.One.ThrowingDoor"), ("name", "throws"));
        bed.Install("Plugin.One", "alien", ("kind", "teleporter"), ("name", "alien"));
        bed.Install("Plugin.Two");
        var errors = (await Assert.ThrowsAsync<EvBusConfigurationException>(() =>
            EventBus.StartAsync(bus => bus.AddPlugins(new PluginOptions { Paths = [bed.Path], IsStrict = true })))).Errors;
        Assert.Equal(3, errors.Count);
        Assert.Contains(errors, error => error.Contains("'stale'", StringComparison.Ordinal) && error.Contains("contract 2.0, host 1.0", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("'throws'", StringComparison.Ordinal) && error.Contains("no such device", StringComparison.Ordinal));
        Assert.Contains(errors, error => error.Contains("'alien'", StringComparison.Ordinal) && error.Contains("its kind is 'teleporter', and there are: ingress, gatherer, serializer, outputter", StringComparison.Ordinal));

        await using var bus = await EventBus.StartAsync(bus => bus.AddPlugins(new PluginOptions { Paths = [bed.Path], IsStrict = true, Rules = new PluginRules { Deny = ["stale", "thr*", "alien"] } }));
        Assert.Equal(BusState.Running, bus.GetStatus().State);
    }

    [Fact]
    public async Task Configuration_disables_built_in_publishers_too()
    {
        var log = new CapturedLog();
        await using var bus = await EventBus.StartAsync(bus =>
        {
            bus.LoggerFactory = log;
            bus.AddProfiles(new Profiles(new Profile("internal", "q", new Dictionary<string, object?>())));
            bus.AddPlugins(new PluginOptions { Rules = new PluginRules { Deny = ["int*"] } });
        });
        Assert.Empty(bus.GetStatus().Lanes);
        Assert.Contains("The ingress plugin internal is disabled: denied by 'int*' in the configuration", log.Lines);
    }

    [Fact]
    public async Task A_built_in_publisher_is_taken_out_and_replaced()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", null, ("name", "internal"));
        await using var bus = await EventBus.StartAsync(bus =>
        {
            Assert.True(bus.Catalog.Remove("internal"));
            bus.AddPlugins(bed.Path).AddProfiles(new Profiles(new Profile("internal", "q", new Dictionary<string, object?>())));
        });
        await bus.PutAsync(Given.Event("x"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(1, bus.Lane("internal/q").Dead);
    }

    [Fact]
    public async Task What_a_broken_plugin_had_queued_stays_until_it_works_again()
    {
        using var bed = new PluginBed();
        var greeting = Path.Combine(bed.Install("Plugin.One", "plugins/one"), "Greeting.dll");
        var library = File.ReadAllBytes(greeting);
        await RunAsync(async bus =>
        {
            Assert.Equal(1, bus.Lanes.Pause("one/default"));
            await bus.PutAsync(Given.Event("x", "default"), Receipt.Durable).AsTask().Soon();
        });
        File.Delete(greeting);
        await RunAsync(bus =>
        {
            Assert.Equal((LaneState.Orphaned, 1), (bus.Lane("one/default").State, bus.Lane("one/default").Queued));
            return Task.CompletedTask;
        });
        File.WriteAllBytes(greeting, library);
        await RunAsync(bus => Given.UntilAsync(() => bus.Lane("one/default").Dead == 1));

        async Task RunAsync(Func<EventBus, Task> act)
        {
            await using var bus = await EventBus.StartAsync(bus =>
            {
                bus.Options = bus.Options with { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = Path.Combine(bed.Path, "journal") } };
                bus.AddPlugins(Path.Combine(bed.Path, "plugins")).AddProfiles(new Profiles(s_profile));
            });
            await act(bus);
        }
    }

    [Fact]
    public void Two_folders_of_one_name_are_an_error_that_names_both()
    {
        using var bed = new PluginBed();
        var (first, second) = (bed.Install("Plugin.One", "first"), bed.Install("Plugin.One", "second"));
        var error = Assert.Throws<EvBusConfigurationException>(() => EventBus.Create(bus => bus.AddPlugins(bed.Path)));
        Assert.Contains($"({second}) cannot be called 'one': 'one' ({first}) goes by that name already", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gatherer_and_a_serializer_come_from_folders_by_the_same_way()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", "gatherer", ("kind", "gatherer"), ("type", "Plugins.One.OneGatherer"));
        bed.Install("Plugin.One", "serializer", ("kind", "serializer"), ("type", "Plugins.One.ShoutSerializer"), ("name", "shout"));
        var gathered = new TaskCompletionSource<string>();
        await using var bus = await EventBus.StartAsync(bus =>
        {
            bus.AddIngress("one", (context, evt, _) =>
            {
                gathered.TrySetResult($"{context.Get<string>()}: {evt.GetText()}");
                return default;
            });
            bus.AddPlugins(bed.Path).AddProfiles(new Profiles(s_profile)).UseSerializer("shout");
        });
        await bus.PutAsync<string>("hey", "default");
        Assert.Equal("gathered default: hey!", await gathered.Task.Soon());
        Assert.Contains("Did you mean 'shout'?", Assert.Throws<PluginNotFoundException>(() => EventBus.Create(each => each.AddPlugins(bed.Path).UseSerializer("shuot"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_of_a_bus_in_a_host_gets_its_constructor_s_arguments_from_the_host()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", null, ("kind", "gatherer"), ("type", "Plugins.One.ServedGatherer"));
        var gathered = new TaskCompletionSource<string>();
        var services = new ServiceCollection().AddSingleton<IFormatProvider>(new System.Globalization.CultureInfo("")).AddEvBus(bus => bus
            .AddIngress("one", (context, _, _) =>
            {
                gathered.TrySetResult(context.Get<string>());
                return default;
            })
            .AddPlugins(bed.Path).AddProfiles(new Profiles(s_profile)));
        await using var provider = services.BuildServiceProvider();
        var bus = provider.GetRequiredService<EventBus>();
        await bus.StartAsync();
        await bus.PutAsync(Given.Event("x", "default"));
        Assert.Equal("default served by ", await gathered.Task.Soon());
    }

    [Theory]
    [InlineData("Plugins.One.Nobody", "nobody", "not usable: there is no type")]
    [InlineData("Plugins.One.OneGatherer", "gatherer/*", "disabled: denied by 'gatherer/*'")]
    public async Task A_lane_is_not_opened_without_the_gatherer_that_was_meant_for_it(string type, string denied, string reason)
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", "gatherer", ("kind", "gatherer"), ("type", type));
        var log = new CapturedLog();
        await using var bus = await EventBus.StartAsync(bus =>
        {
            bus.LoggerFactory = log;
            bus.AddIngress("one", (_, _, _) => default).AddPlugins(new PluginOptions { Paths = [bed.Path], Rules = new PluginRules { Deny = [denied] } }).AddProfiles(new Profiles(s_profile));
        });
        Assert.Empty(bus.GetStatus().Lanes);
        Assert.Contains(log.Lines, line => line.StartsWith($"The gatherer plugin one is {reason}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_assembly_adds_its_plugins_to_somebody_else_s_bus_when_it_is_asked()
    {
        using var bed = new PluginBed();
        var assembly = new AssemblyLoadContext("package").LoadFromAssemblyPath(Path.Combine(bed.Install("Plugin.One"), "Plugin.One.dll"));
        AssemblyLoadContext.GetLoadContext(assembly)!.Resolving += (context, name) => context.LoadFromAssemblyPath(Path.Combine(bed.Path, "Plugin.One", name.Name + ".dll"));
        EvBusBuilder? builder = null;
        await using var bus = await EventBus.StartAsync(bus => (builder = bus).AddPluginsFrom(assembly).UseSerializer("shout"));
        await bus.PutAsync(Given.Event("x"), Receipt.Delivered()).AsTask().Soon();
        Assert.Equal(1, bus.Lane("greeter").Dead);
        var known = builder!.Catalog["greeter"].Descriptor;
        Assert.Equal(("Plugin.One", "Greets.", "0.1.0"), (known.Origin, known.Description, known.Version));
        Assert.Throws<EvBusConfigurationException>(() => EventBus.Create(each => each.AddPluginsFrom(assembly).AddPluginsFrom(assembly)));
    }

    [Fact]
    public void Packages_bring_their_configuration_under_one_section()
    {
        using var bed = new PluginBed();
        var (one, two) = (Directory.CreateDirectory(Path.Combine(bed.Path, "of one")).FullName, Directory.CreateDirectory(Path.Combine(bed.Path, "of two")).FullName);
        bed.Install("Plugin.One", "of one/one");
        bed.Install("Plugin.Two", "of two/two");
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["EvBus:Plugins:Paths:one"] = one, ["EvBus:Plugins:Deny:0"] = "nobody" })
            .AddInMemoryCollection(new Dictionary<string, string?> { ["EvBus:Plugins:Paths:two"] = two, ["EvBus:Plugins:Deny:two"] = "two", ["EvBus:Plugins:Strict"] = "true" })
            .Build();
        EventBus.Create(bus =>
        {
            bus.AddPlugins(configuration.GetSection("EvBus:Plugins"));
            Assert.True(bus.IsStrict);
            Assert.Equal(["internal", "one"], bus.Catalog.Usable.Select(each => each.Name));
            Assert.Equal("denied by 'two' in the configuration", bus.Catalog["two"].Reason);
        });
    }

    [Fact]
    public void Configuration_that_cannot_be_read_is_refused_with_all_its_errors()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["P:Strict"] = "maybe", ["P:Path:0"] = "x" }).Build();
        var errors = Assert.Throws<EvBusConfigurationException>(() => PluginOptions.From(configuration.GetSection("P"))).Errors;
        Assert.Equal(["P:Path is unknown. There are: Paths, Allow, Deny, Strict.", "P:Strict is 'maybe', but must be true or false."], errors);
    }

    private sealed class Profiles(params Profile[] profiles) : IProfileSource
    {
        public string Description => "the test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new(profiles);
    }

    private sealed class CapturedLog : ILoggerFactory, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => _lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }

    [Theory]
    [InlineData("kafka", "!http", "Plugins are denied in two ways: Deny, and '!http' in Allow. Use one of them.")]
    [InlineData("!kafka", "*", "Deny has '!kafka', which would deny what is not denied. Leave the '!' out, or write '!kafka' into Allow.")]
    public void Denying_in_two_ways_is_an_error_of_the_configuration(string deny, string allow, string error)
    {
        var options = new PluginOptions { Rules = new PluginRules { Deny = [deny], Allow = [allow] } };
        Assert.Equal([error], Assert.Throws<EvBusConfigurationException>(() => new EvBusBuilder("test", null).AddPlugins(options)).Errors);
    }
}
