using System.CommandLine;
using System.Globalization;
using System.Text;
using EvBus.Hosting;
using EvBus.Tools.Acct;

namespace EvBus.Tools.Cli.Commands;

/// <summary>A plugin as <c>plugins list</c> shows it. Null where the plugin does not say.</summary>
internal sealed record PluginRow(
    string Kind, string Name, IReadOnlyList<string> Aliases, string? Version, string State, string? Failure, string? Reason, string Origin,
    string? Description, string? Assembly, string? Type, string? Contract, IReadOnlyList<string> Platforms, string? OptionsType, bool? NeedsProfile, string? Example, string? Warning)
{
    public static PluginRow Of(Plugin plugin)
    {
        var known = plugin.Descriptor;
        var manifest = known as PluginManifest;
        return new(
            known.Kind, known.Name, known.Aliases, Said(known.Version), plugin.State.ToString().ToLowerInvariant(), plugin.Failure?.Kind.ToString(), plugin.Reason, known.Origin,
            Said(known.Description), Said(manifest?.Assembly), Said(manifest?.Type), manifest?.Contract?.ToString(), manifest?.Platforms ?? [],
            known.OptionsType?.FullName, known.Kind == PluginKinds.Ingress ? known.NeedsProfile : null, Said(known.Example), manifest?.Warning);
    }

    private static string? Said(string? text) => string.IsNullOrEmpty(text) ? null : text;
}

/// <summary>What <c>plugins doctor</c> found.</summary>
internal sealed record DoctorReport(int Ok, int Failed, int Disabled, IReadOnlyList<PluginRow> Plugins);

/// <summary><c>evbus plugins</c>: what there is, and whether it works here.</summary>
internal static class PluginCommands
{
    public static Command Build(ToolConsole console)
    {
        var json = new Option<bool>("--json") { Description = "Print JSON, for programs.", Recursive = true };
        var kind = new Option<string?>("--kind") { Description = "Only plugins of this kind.", HelpName = "KIND", Recursive = true };
        var paths = PluginSetup.NewOption();
        var command = new Command("plugins", "The plugins that came with this command and those in plugin folders.");
        command.Options.Add(json);
        command.Options.Add(kind);
        command.Options.Add(paths);
        var name = new Argument<string>("NAME") { Description = "A plugin, by its name or an alias." };
        var names = new Argument<string[]>("NAME") { Description = "Plugins, by name or alias. Default: all.", Arity = ArgumentArity.ZeroOrMore };
        Add("list", "Lists them from their manifests; loads nothing.", null, (result, plugins) => ListAsync(plugins, For(result)));
        Add("show", "Shows one, with an example of its profile; loads nothing.", name, (result, plugins) => ShowAsync(Find(plugins, result.GetValue(name)!), For(result)));
        Add("doctor", "Loads them and says what is wrong with which. Exit code 1 when one cannot be used. What they connect to is for 'evbus-test connect'.", names,
            (result, plugins) => DoctorAsync(result.GetValue(names) is { Length: > 0 } wanted ? [.. wanted.SelectMany(each => Find(plugins, each)).Distinct()] : plugins, For(result)));
        return command;

        Printer For(ParseResult result) => new(console, result.GetValue(json));

        void Add(string verb, string description, Argument? argument, Func<ParseResult, IReadOnlyList<Plugin>, Task<int>> run)
        {
            var sub = new Command(verb, description);
            if (argument is not null)
                sub.Arguments.Add(argument);
            sub.SetAction((result, _) => run(result, Collect(result.GetValue(paths) ?? [], result.GetValue(kind))));
            command.Subcommands.Add(sub);
        }
    }

    private static List<Plugin> Collect(IEnumerable<string> paths, string? kind)
    {
        var bus = new EvBusBuilder("plugins");
        PluginSetup.Apply(bus, paths);
        var all = bus.AllPlugins().ToList();
        if (kind is null || all.Exists(each => each.Descriptor.Kind == kind))
            return all.FindAll(each => kind is null || each.Descriptor.Kind == kind);
        var kinds = all.Select(each => each.Descriptor.Kind).Where(each => each.Length > 0).Distinct().ToList();
        throw new UsageException($"--kind: there are no plugins of the kind '{kind}'.{Suggest(kind, kinds)} There are: {string.Join(", ", kinds)}.");
    }

    private static List<Plugin> Find(IReadOnlyList<Plugin> plugins, string name)
    {
        var found = plugins.Where(each => each.Descriptor.GoesBy(name)).ToList();
        return found.Count > 0
            ? found
            : throw new UsageException($"There is no plugin called '{name}'.{Suggest(name, plugins.SelectMany(each => each.Descriptor.Aliases.Prepend(each.Name)))} 'evbus plugins list' names all; --plugins PATH adds a folder.");
    }

    private static string Suggest(string name, IEnumerable<string> names) => NearestName.Of(name, names) is { } nearest ? $" Did you mean '{nearest}'?" : "";

    private static async Task<int> ListAsync(IReadOnlyList<Plugin> plugins, Printer printer)
    {
        await printer.PrintAsync<IReadOnlyList<PluginRow>>([.. plugins.Select(PluginRow.Of)], rows =>
        {
            var text = new StringBuilder();
            var (kinds, names) = (rows.Max(row => row.Kind.Length), rows.Max(row => row.Name.Length));
            foreach (var row in rows)
                text.Append(CultureInfo.InvariantCulture, $"{row.Kind.PadRight(kinds)}  {row.Name.PadRight(names)}  {row.Version ?? "-",-8} {Short(row)}\n");
            return text.ToString();
        });
        return 0;
    }

    private static async Task<int> ShowAsync(IReadOnlyList<Plugin> plugins, Printer printer)
    {
        await printer.PrintAsync<IReadOnlyList<PluginRow>>([.. plugins.Select(PluginRow.Of)], rows => string.Join('\n', rows.Select(Describe)));
        return 0;
    }

    private static async Task<int> DoctorAsync(IReadOnlyList<Plugin> plugins, Printer printer)
    {
        foreach (var plugin in plugins)
            plugin.Probe();
        int Count(params PluginState[] states) => plugins.Count(each => states.Contains(each.State));
        var report = new DoctorReport(Count(PluginState.Known, PluginState.Loaded), Count(PluginState.Failed), Count(PluginState.Disabled), [.. plugins.Select(PluginRow.Of)]);
        await printer.PrintAsync(report, result =>
        {
            var text = new StringBuilder();
            foreach (var row in result.Plugins)
                text.Append(CultureInfo.InvariantCulture, $"{(row.State == "loaded" ? "ok" : row.State),-9} {row.Kind} {row.Name} ({row.Origin}){(row.Reason is null ? "" : $": {row.Reason}")}{(row.Warning is null ? "" : $"\nwarning   {row.Kind} {row.Name}: {row.Warning}")}\n");
            return text.Append(CultureInfo.InvariantCulture, $"{result.Ok} ok, {result.Failed} failed, {result.Disabled} disabled\n").ToString();
        });
        return report.Failed > 0 ? EvBusTool.Failed : 0;
    }

    private static string Short(PluginRow row) => row.Reason is null ? row.Description ?? row.Origin : $"{row.State}: {row.Reason}";

    private static string Describe(PluginRow row)
    {
        var text = new StringBuilder();
        (string Name, string? Value)[] lines =
        [
            ("name", row.Name), ("kind", row.Kind), ("aliases", Join(row.Aliases)), ("version", row.Version), ("description", row.Description), ("state", row.State),
            ("reason", row.Reason), ("warning", row.Warning), ("origin", row.Origin), ("assembly", row.Assembly), ("type", row.Type), ("contract", row.Contract), ("platforms", Join(row.Platforms)),
            ("options", row.OptionsType), ("profile", row.NeedsProfile is { } needs ? needs ? "needed: one lane for each" : "none: one lane for every event" : null),
        ];
        foreach (var (name, value) in lines.Where(line => !string.IsNullOrEmpty(line.Value)))
            Printer.Row(text, name, value!);
        if (row.Example is { } example)
            text.Append(CultureInfo.InvariantCulture, $"\n{example.TrimEnd()}\n");
        return text.ToString();
    }

    private static string Join(IReadOnlyList<string> texts) => string.Join(", ", texts);
}
