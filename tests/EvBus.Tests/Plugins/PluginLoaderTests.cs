using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Tests.Plugins;

public class PluginLoaderTests
{
    [Fact]
    public async Task Two_plugins_use_two_versions_of_one_library_side_by_side()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One");
        bed.Install("Plugin.Two");
        var loader = new PluginLoader();
        var plugins = PluginFolder.Discover(bed.Path).Select(manifest => loader.Load(manifest)).ToList();
        Assert.All(plugins, plugin => Assert.Null(plugin.Failure));
        Assert.Equal("one: hello from Greeting 1", await SayAsync(plugins[0]));
        Assert.Equal("two: hello from Greeting 2", await SayAsync(plugins[1]));
    }

    [Fact]
    public void Discovery_reads_manifests_and_loads_no_assembly()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One");
        bed.Install("Plugin.Two");
        var found = PluginFolder.Discover(bed.Path);
        Assert.Equal(["one", "two"], found.Select(each => each.Name));
        var one = found[0];
        Assert.Equal(("1.2.3", "ingress", "Rejects every event with a greeting."), (one.Version, one.Kind, one.Description));
        Assert.StartsWith("one:\n  default:", one.Example, StringComparison.Ordinal);
        Assert.Empty(bed.LoadedAssemblies());
        new PluginLoader().Load(one);
        Assert.Contains("Plugin.One", bed.LoadedAssemblies());
        Assert.DoesNotContain("Plugin.Two", bed.LoadedAssemblies());
    }

    [Fact]
    public void A_path_may_be_a_plugin_s_own_folder_and_several_paths_keep_their_order()
    {
        using var bed = new PluginBed();
        var one = bed.Install("Plugin.One", "a/one");
        bed.Install("Plugin.Two", "b/two");
        Assert.Equal(["two", "one"], PluginFolder.Discover(Path.Combine(bed.Path, "b"), one).Select(each => each.Name));
    }

    [Fact]
    public void A_path_that_is_not_there_is_an_error_that_names_it()
    {
        using var bed = new PluginBed();
        var error = Assert.Throws<EvBusConfigurationException>(() => PluginFolder.Discover(Path.Combine(bed.Path, "nowhere")));
        Assert.Contains("nowhere' cannot be read: there is no such folder", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("contract", "2.0", PluginFailureKind.WrongContract, "contract 2.0, host 1.0")]
    [InlineData("contract", "1.9", PluginFailureKind.WrongContract, "contract 1.9, host 1.0")]
    [InlineData("contract", "new", PluginFailureKind.BadManifest, "must be a version such as 1.0")]
    [InlineData("contract", null, PluginFailureKind.BadManifest, "'contract' is missing")]
    [InlineData("assembly", "../Plugin.One.dll", PluginFailureKind.BadManifest, "must be the name of a file in its folder")]
    [InlineData("colour", "red", PluginFailureKind.BadManifest, "'colour' is unknown; there are: name")]
    [InlineData("aliases", "hi", PluginFailureKind.BadManifest, "'aliases' must be a list of texts")]
    [InlineData("assembly", "Other.dll", PluginFailureKind.MissingAssembly, "there is no 'Other.dll'")]
    [InlineData("assembly", "example.yml", PluginFailureKind.MissingAssembly, "'example.yml' is no .NET assembly")]
    [InlineData("type", "Plugins.One.Nobody", PluginFailureKind.WrongType, "there is no type 'Plugins.One.Nobody' in 'Plugin.One.dll'")]
    public void Each_failure_has_its_own_reason(string key, string? value, PluginFailureKind kind, string reason)
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", null, (key, value));
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        Assert.Equal(kind, loaded.Failure?.Kind);
        Assert.Contains(reason, loaded.Failure!.Reason, StringComparison.Ordinal);
        Assert.Null(loaded.Type);
    }

    [Fact]
    public void A_manifest_that_is_no_json_is_named_and_its_neighbour_is_found()
    {
        using var bed = new PluginBed();
        File.WriteAllText(Path.Combine(bed.Install("Plugin.One"), "plugin.json"), "name: one");
        bed.Install("Plugin.Two");
        Directory.CreateDirectory(Path.Combine(bed.Path, "empty"));
        var found = PluginFolder.Discover(bed.Path);
        Assert.Equal(["Plugin.One", "two"], found.Select(each => each.Name));
        Assert.Equal(PluginFailureKind.BadManifest, found[0].Failure?.Kind);
        Assert.Contains("Correct plugin.json in '", found[0].Failure!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plugin_for_another_platform_says_for_which()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", "elsewhere", ("platforms", new[] { OperatingSystem.IsWindows() ? "linux" : "windows", "freebsd-arm64" }));
        bed.Install("Plugin.One", "here", ("platforms", new[] { OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "macos" : "linux", "freebsd-arm64" }));
        Assert.Null(bed.Manifest("here").Failure);
        var failure = bed.Manifest("elsewhere").Failure!;
        Assert.Equal(PluginFailureKind.WrongPlatform, failure.Kind);
        Assert.Contains("freebsd-arm64, and this is", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_dependency_is_named_before_the_first_event()
    {
        using var bed = new PluginBed();
        File.Delete(Path.Combine(bed.Install("Plugin.One"), "Greeting.dll"));
        var failure = new PluginLoader().Load(bed.Manifest("Plugin.One")).Failure!;
        Assert.Equal(PluginFailureKind.MissingDependency, failure.Kind);
        Assert.Contains("'Greeting, Version=1.0.0.0", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dependency_of_another_version_than_it_was_built_with_is_named()
    {
        using var bed = new PluginBed();
        var (one, two) = (bed.Install("Plugin.One"), bed.Install("Plugin.Two"));
        File.Copy(Path.Combine(one, "Greeting.dll"), Path.Combine(two, "Greeting.dll"), overwrite: true);
        var failure = new PluginLoader().Load(bed.Manifest("Plugin.Two")).Failure!;
        Assert.Equal(PluginFailureKind.MissingDependency, failure.Kind);
        Assert.Contains("it needs Greeting 2.0.0.0, and what is there is 1.0.0.0", failure.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Plugins.One.ThrowingDoor", PluginFailureKind.ConstructorThrew, "InvalidOperationException: no such device")]
    [InlineData("Plugins.One.OneGatherer", PluginFailureKind.WrongType, "is neither a publisher (IPublisher) nor has a public static property")]
    public void A_type_that_cannot_be_made_says_why(string type, PluginFailureKind kind, string reason)
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", null, ("type", type));
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        var failure = Assert.Throws<PluginUnavailableException>(() => loaded.Create<IngressDescriptor>()).Failure!;
        Assert.Equal(kind, failure.Kind);
        Assert.Contains(reason, failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_door_keeps_its_powers_and_takes_the_manifest_s_name()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One", null, ("type", "Plugins.One.Door"), ("description", null), ("aliases", new[] { "uno" }));
        var descriptor = new PluginLoader().Load(bed.Manifest("Plugin.One")).Create<IngressDescriptor>();
        Assert.Equal(("one", "1.2.3", "The door's own words.", true), (descriptor.Name, descriptor.Version, descriptor.Description, descriptor.IsExclusive));
        Assert.True(descriptor.GoesBy("uno"));
    }

    [Fact]
    public void Unloading_says_whether_the_code_is_gone()
    {
        using var bed = new PluginBed();
        bed.Install("Plugin.One");
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        var kept = Hold(loaded);
        Assert.False(loaded.Unload());
        GC.KeepAlive(kept);

        Assert.True(LoadAndLetGo(bed).Unload());
        Assert.True(new PluginLoader().Load(bed.Manifest("Plugin.One") with { Failure = new(PluginFailureKind.WrongPlatform, "no") }).Unload());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static object Hold(LoadedPlugin loaded) => loaded.Create<IngressDescriptor>().Create(Context("one"));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static LoadedPlugin LoadAndLetGo(PluginBed bed)
    {
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        Assert.NotNull(Hold(loaded));
        return loaded;
    }

    private static IngressContext Context(string lane) => new(lane, null, null, null, NullLogger.Instance, TimeProvider.System);

    private static async Task<string?> SayAsync(LoadedPlugin plugin)
    {
        await using var publisher = plugin.Create<IngressDescriptor>().Create(Context(plugin.Manifest.Name));
        return (await publisher.PublishAsync(EventBatch.Of(Given.Event("x")), CancellationToken.None)).Reason;
    }
}
