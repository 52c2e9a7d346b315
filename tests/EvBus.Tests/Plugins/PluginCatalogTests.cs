namespace EvBus.Tests.Plugins;

public class PluginCatalogTests
{
    private int _made;

    [Fact]
    public void All_are_listed_in_order_and_none_is_made_by_listing()
    {
        var catalog = Catalog("b", "a", "c");
        Assert.Equal(["b", "a", "c"], catalog.All.Select(each => each.Name));
        Assert.Equal(3, catalog.Usable.Count);
        Assert.True(catalog.Contains("a"));
        Assert.False(catalog.Contains("A"));
        Assert.Equal(PluginState.Known, catalog["a"].State);
        Assert.Equal(0, _made);
    }

    [Fact]
    public void Named_ones_keep_the_order_of_the_names_and_no_other_is_made()
    {
        var catalog = Catalog("a", "b", "c");
        Assert.Equal(["c!", "a!"], catalog.Named("c", "a").Select(each => each.Value));
        Assert.Equal(2, _made);
        Assert.Equal(PluginState.Known, catalog["b"].State);
    }

    [Fact]
    public void A_plugin_is_made_once_whatever_comes_of_it()
    {
        var catalog = Catalog("a");
        Assert.Same(catalog["a"].Value, catalog["a"].Value);
        Assert.Equal(1, _made);
        catalog.Add(new PluginDescriptor { Name = "bad" }, () => Make("bad", "no such device"));
        Assert.Throws<PluginUnavailableException>(() => catalog["bad"].Value);
        var again = Assert.Throws<PluginUnavailableException>(() => catalog["bad"].Value);
        Assert.Equal("The word plugin 'bad' (built in) cannot be used: 'bad' threw while it was made: InvalidOperationException: no such device", again.Message);
        Assert.Equal(2, _made);
        Assert.Equal((PluginState.Failed, PluginFailureKind.ConstructorThrew), (catalog["bad"].State, catalog["bad"].Failure!.Kind));
    }

    [Fact]
    public void A_check_disables_with_its_reason_also_what_comes_later()
    {
        var catalog = Catalog("short", "longer");
        catalog.DisableWhen(plugin => plugin.Value.Length > 6 ? "its word is long" : null);
        catalog.Add("longest", "longest");
        Assert.Equal(["short"], catalog.Usable.Select(each => each.Name));
        Assert.Equal([(PluginState.Disabled, "its word is long"), (PluginState.Disabled, "its word is long")], catalog.Named("longer", "longest").Select(each => (each.State, each.Reason)));
    }

    [Fact]
    public void A_plugin_disables_itself_with_a_reason()
    {
        var catalog = new PluginCatalog<Choosy>("choosy");
        catalog.Add("yes", new Choosy(null));
        catalog.Add("no", new Choosy("there is no printer"));
        Assert.NotNull(catalog["yes"].Value);
        Assert.Equal("The choosy plugin 'no' (built in) is disabled: there is no printer", Assert.Throws<PluginUnavailableException>(() => catalog.Driver("no")).Message);
        Assert.Equal(PluginState.Disabled, catalog["no"].State);
    }

    [Theory]
    [InlineData("b", "", "a,c")]
    [InlineData("b*", "", "a,c")]
    [InlineData("word/b*", "", "a,c")]
    [InlineData("other/b*", "", "a,b,c")]
    [InlineData("", "a,b", "a,b")]
    [InlineData("[ab]", "*", "c")]
    [InlineData("b", "b", "")]
    [InlineData("second", "", "a,c")]
    [InlineData("", "second", "b")]
    [InlineData("", "!b", "a,c")]
    [InlineData("", "!second", "a,c")]
    [InlineData("", "[ab],!b", "a")]
    [InlineData("", "!b,[ab]", "a")]
    [InlineData("", "!*,a", "")]
    public void Configuration_disables_by_name_or_glob_and_what_is_denied_is_denied(string deny, string allow, string left)
    {
        var catalog = Catalog("a");
        catalog.Add(new PluginDescriptor { Name = "b", Aliases = ["second"] }, () => Make("b"));
        catalog.Apply(new PluginRules { Deny = List(deny), Allow = List(allow) });
        catalog.Add(new PluginDescriptor { Name = "c" }, () => Make("c"));
        Assert.Equal(left, string.Join(',', catalog.Usable.Select(each => each.Name)));
        Assert.Equal(0, _made);
        Assert.All(catalog.All.Where(each => each.State == PluginState.Disabled), each => Assert.Contains("configuration", each.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Several_plugins_hang_on_one_hook_and_are_called_in_order()
    {
        var catalog = PluginCatalog.ForTest(("startup", "first"), ("shutdown", "other"), ("startup", "second"));
        Assert.Equal(["first", "second"], catalog.Hooks("startup").Select(each => each.Value));
        Assert.Empty(catalog.Hooks("nobody"));
        var results = await catalog.Hooks("startup").MapAsync((word, _) => new ValueTask<int>(word.Length));
        Assert.Equal([5, 6], results.Select(each => each.Value));
    }

    [Fact]
    public async Task A_map_gives_a_result_or_an_error_for_each_plugin()
    {
        var catalog = Mixed();
        var results = await catalog.All.MapAsync(Measure);
        Assert.Equal(["a: 2", "bad: PluginUnavailableException", "picky: FormatException", "z: 2"], results.Select(each => $"{each.Plugin}: {each.Error?.GetType().Name ?? $"{each.Value}"}"));
    }

    [Fact]
    public async Task A_map_throws_at_once_or_collects_when_told()
    {
        var (called, catalog) = (0, Mixed());
        await Assert.ThrowsAsync<PluginUnavailableException>(() => catalog.All.MapAsync(Count, MapErrors.Throw));
        Assert.Equal(1, called);
        var all = await Assert.ThrowsAsync<AggregateException>(() => catalog.All.MapAsync(Count, MapErrors.Collect));
        Assert.Equal([typeof(PluginUnavailableException), typeof(FormatException)], all.InnerExceptions.Select(each => each.GetType()));
        Assert.Equal(4, called);

        ValueTask<int> Count(string word, CancellationToken cancellationToken)
        {
            called++;
            return Measure(word, cancellationToken);
        }
    }

    [Fact]
    public async Task A_cancelled_map_ends_and_is_nobody_s_error()
    {
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAsync<OperationCanceledException>(() => Catalog("a", "b").All.MapAsync<string, int>(
            (_, token) =>
            {
                cancel.Cancel();
                token.ThrowIfCancellationRequested();
                return default;
            }, MapErrors.Continue, cancel.Token));
    }

    [Fact]
    public async Task Dispatch_calls_those_that_pass_the_filter_or_have_the_names()
    {
        var catalog = Catalog("a", "bb", "ccc");
        catalog.Apply(new PluginRules { Deny = ["a"] });
        Assert.Equal([4], (await catalog.DispatchAsync(each => each.Name.Length != 2, Measure)).Select(each => each.Value));
        Assert.Equal([4, 3], (await catalog.DispatchByNameAsync(["ccc", "nobody", "a", "bb"], Measure)).Select(each => each.Value));
    }

    [Fact]
    public void A_driver_is_exactly_one()
    {
        var catalog = Catalog("kafka", "rabbitmq");
        Assert.Equal("kafka!", catalog.Driver("kafka"));
        Assert.Equal(
            "There is no word plugin called 'kakfa'. Did you mean 'kafka'? There are: kafka, rabbitmq.",
            Assert.Throws<PluginNotFoundException>(() => catalog.Driver("kakfa")).Message);
        Assert.DoesNotContain("Did you mean", Assert.Throws<PluginNotFoundException>(() => catalog.Driver("postgres")).Message, StringComparison.Ordinal);
        Assert.Contains("There are none.", Assert.Throws<PluginNotFoundException>(() => new PluginCatalog<string>("word").Driver("x")).Message, StringComparison.Ordinal);
        var twice = Assert.Throws<AmbiguousPluginException>(() => PluginCatalog.ForTest(("x", "1"), ("x", "2")).Driver("x"));
        Assert.Equal("There are 2 test plugins called 'x': built in, built in. Disable or remove all but one.", twice.Message);
    }

    [Theory]
    [InlineData(NameConflict.First, "1")]
    [InlineData(NameConflict.Last, "2")]
    public void A_conflict_is_decided_if_somebody_decided_how(NameConflict decision, string winner)
    {
        var catalog = new PluginCatalog<string>("word", decision);
        catalog.Add("x", "1");
        catalog.Add("between", "0");
        catalog.Add(new PluginDescriptor { Name = "y", Aliases = ["x"] }, () => "2");
        Assert.Equal(winner, catalog.Driver("x"));
        var loser = Assert.Single(catalog.All, each => each.State == PluginState.Disabled);
        Assert.EndsWith("(built in) has the name 'x'", loser.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_conflict_is_an_error_that_names_both_even_if_they_are_not_neighbours()
    {
        var catalog = Catalog("x", "between");
        var error = Assert.Throws<ArgumentException>(() => catalog.Add(new PluginDescriptor { Name = "y", Aliases = ["x"], Origin = "/plugins/y" }, () => "2"));
        Assert.Equal("The word plugin 'y' (/plugins/y) cannot be called 'x': 'x' (built in) goes by that name already. Rename, disable or remove one.", error.Message);
        Assert.Equal(2, catalog.All.Count);
        catalog.Apply(new PluginRules { Deny = ["x"] });
        catalog.Add("x", "another");
        Assert.Equal(PluginState.Disabled, catalog["x"].State);
    }

    [Fact]
    public async Task Plugins_come_and_go_while_others_look()
    {
        var catalog = Catalog("stays");
        var looking = Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                Assert.Equal("stays!", catalog.Driver("stays"));
                Assert.InRange(catalog.All.Count, 1, 3);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 2).Select(worker => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                catalog.Add($"w{worker}", "comes");
                Assert.True(catalog.Remove($"w{worker}"));
            }
        })).Append(looking)).Soon();
        Assert.False(catalog.Remove("w0"));
        Assert.Equal("stays", Assert.Single(catalog.All).Name);
        Assert.Equal(1, _made);
    }

    [Fact]
    public void Constructors_get_their_arguments_from_the_services()
    {
        var catalog = new PluginCatalog<IFormatProvider>("format") { Services = new OneService(System.Globalization.CultureInfo.InvariantCulture) };
        catalog.Add(new PluginDescriptor { Name = "a" }, typeof(WithService));
        Assert.Equal(System.Globalization.CultureInfo.InvariantCulture, Assert.IsType<WithService>(catalog.Driver("a")).Culture);
    }

    [Fact]
    public void A_template_is_made_of_the_examples_without_making_a_plugin()
    {
        var catalog = Catalog("a");
        catalog.Add(new PluginDescriptor { Name = "b", Description = "Does b.", Example = "b:\n  key: 1  # a key\n" }, () => Make("b"));
        catalog.Add(new PluginDescriptor { Name = "c", Description = "Does c.", Example = "c:\n" }, () => Make("c"));
        catalog.Apply(new PluginRules { Deny = ["c"] });
        Assert.Equal("\n# Does b.\nb:\n  key: 1  # a key\n", catalog.FormatExamples());
        Assert.Equal(0, _made);
    }

    private static ValueTask<int> Measure(string word, CancellationToken cancellationToken) => word == "picky!" ? throw new FormatException("picky") : new(word.Length);

    private static string[] List(string texts) => texts.Split(',', StringSplitOptions.RemoveEmptyEntries);

    private PluginCatalog<string> Catalog(params string[] names)
    {
        var catalog = new PluginCatalog<string>("word");
        foreach (var name in names)
            catalog.Add(new PluginDescriptor { Name = name }, () => Make(name));
        return catalog;
    }

    private PluginCatalog<string> Mixed()
    {
        var catalog = Catalog("a");
        catalog.Add(new PluginDescriptor { Name = "bad" }, () => Make("bad", "no"));
        catalog.Add(new PluginDescriptor { Name = "picky" }, () => Make("picky"));
        catalog.Add(new PluginDescriptor { Name = "z" }, () => Make("z"));
        return catalog;
    }

    private string Make(string name, string? trouble = null)
    {
        Interlocked.Increment(ref _made);
        return trouble is null ? name + "!" : throw new InvalidOperationException(trouble);
    }

    private sealed record Choosy(string? DisabledReason) : ISelfEnabled;

    private sealed record OneService(object Service) : IServiceProvider
    {
        public object? GetService(Type serviceType) => serviceType.IsInstanceOfType(Service) ? Service : null;
    }

    private sealed class WithService(System.Globalization.CultureInfo culture) : IFormatProvider
    {
        public System.Globalization.CultureInfo Culture => culture;

        public object? GetFormat(Type? formatType) => culture.GetFormat(formatType);
    }
}
