using System.CommandLine;
using System.Text;
using EvBus.Testing;
using EvBus.Tools.Tester.Options;

namespace EvBus.Tools.Tester.Certify;

/// <summary><c>evbus-test plugin certify PATH</c>: the facts of the publisher contract on anybody's plugin folder.</summary>
internal static class CertifyCommand
{
    public const string Name = "certify";

    private const int Refused = 1;

    private static readonly Argument<string> Folder = new("PATH") { Description = "The plugin's folder: the one with plugin.json in it." };
    private static readonly Option<string?> Use = Text("--use", "NAME", "The profile that works (default: the first under the plugin's name in the acct file).");
    private static readonly Option<string?> RefusedProfile = Text("--refused", "NAME", "A profile whose credentials are refused.");
    private static readonly Option<string?> Missing = Text("--missing", "NAME", "A profile whose destination does not exist.");
    private static readonly Option<string?> Read = Text("--read", "COMMAND", "Prints what is at the destination, in its order: a line each, structured CloudEvents or bodies.");
    private static readonly Option<string?> Cut = Text("--cut", "COMMAND", "Ends the plugin's connections.");
    private static readonly Option<string[]> Secret = new("--secret-key") { HelpName = "KEY", Description = "A key of the profile whose value must never be said (default: password, token, secret)." };
    private static readonly Option<string[]> Lacks = new("--lacks") { HelpName = "WHAT=REASON", Description = $"What the destination cannot do, and why: {string.Join(", ", Limits.Names)}." };
    private static readonly Option<double?> Patience = new("--patience") { HelpName = "SECONDS", Description = "How long a call may take before it hangs (default: 30)." };

    public static Command Build()
    {
        var command = new Command(Name, "Shows the facts of the publisher contract on a plugin. Exit code 0: it keeps them, 1: it does not, 2: wrong use.") { Folder };
        foreach (var option in new Option[] { Use, RefusedProfile, Missing, Read, Cut, Secret, Lacks, Patience })
            command.Options.Add(option);
        command.SetAction(static _ => 0);
        var plugin = new Command("plugin", "For authors of plugins.") { command };
        plugin.SetAction(static _ => 0);
        return plugin;
    }

    public static async Task<int> RunAsync(ParseResult parsed, TesterHost host)
    {
        try
        {
            var code = await CertifyAsync(parsed, host);
            host.Output.Flush();
            return code;
        }
        catch (EvBusConfigurationException e)
        {
            foreach (var error in e.Errors)
                host.Say(error);
            return TesterCommand.Wrong;
        }
        catch (Exception e) when (e is EvBusException or ArgumentException)
        {
            host.Say(e.Message);
            return TesterCommand.Wrong;
        }
        catch (OperationCanceledException) when (host.Interrupted.IsCancellationRequested)
        {
            return TesterRun.Interrupted;
        }
    }

    private static async Task<int> CertifyAsync(ParseResult parsed, TesterHost host)
    {
        var limits = Limits.Of(parsed.GetValue(Lacks) ?? []);
        var manifests = PluginFolder.Discover(parsed.GetValue(Folder)!);
        if (manifests is not [var manifest])
        {
            host.Say($"'{parsed.GetValue(Folder)}' has {manifests.Count} plugins in it. Name the folder of one, with {PluginManifest.FileName} in it.");
            return TesterCommand.Wrong;
        }
        var loaded = new PluginLoader().Load(manifest);
        IngressDescriptor descriptor;
        try
        {
            if (loaded.Failure is { } failure)
                throw new EvBusException($"{failure.Kind}: {failure.Reason}");
            descriptor = loaded.Create<IngressDescriptor>();
        }
        catch (EvBusException e)
        {
            Print(host, $"{manifest.Name}: cannot be loaded: {e.Message}\n{manifest.Name}: refused\n");
            return Refused;
        }
        var profiles = await ProfilesAsync(parsed, descriptor, host);
        var profile = Find(profiles, parsed.GetValue(Use)) ?? profiles.FirstOrDefault();
        if (profile is null && descriptor.NeedsProfile)
        {
            host.Say($"'{descriptor.Name}' needs a profile, and there is none under that name. Name an acct file with --acct-file.");
            return TesterCommand.Wrong;
        }
        if (profile is not null && descriptor.Validate?.Invoke(profile) is [_, ..] errors)
            throw new EvBusConfigurationException(errors);
        var bad = new[] { Find(profiles, parsed.GetValue(RefusedProfile)), Find(profiles, parsed.GetValue(Missing)) };
        var keys = parsed.GetValue(Secret) is { Length: > 0 } named ? named : ["password", "token", "secret"];
        var secrets = bad.Append(profile).SelectMany(each => keys.Select(key => each?.GetString(key))).OfType<string>().Where(text => text.Length > 3).Distinct().ToArray();
        Print(host, $"{descriptor.Name} {manifest.Version}: {descriptor.Description}\n");
        var report = await PublisherCertification.RunAsync(HarnessAsync, host.Interrupted);
        Print(host, Powers(descriptor, profile, host) + report + "\n");
        return report.IsCertified ? 0 : Refused;

        async ValueTask<PublisherHarness> HarnessAsync(CancellationToken cancellationToken)
        {
            var read = parsed.GetValue(Read);
            var before = read is null ? 0 : (await Shell.ReadAsync(read, cancellationToken)).Count;
            return new PublisherHarness
            {
                Name = descriptor.Name,
                Create = descriptor.Create,
                Profile = profile,
                Destination = profile is null ? null : descriptor.Destinations?.Invoke(profile) is [var first, ..] ? first : null,
                RefusedProfile = bad[0],
                MissingProfile = bad[1],
                Secrets = secrets,
                // What earlier facts left is not this one's.
                Read = read is null ? null : async token => [.. (await Shell.ReadAsync(read, token)).Skip(before)],
                Cut = parsed.GetValue(Cut) is { } cut ? async () => await Shell.RunAsync(cut, cancellationToken) : null,
                Patience = TimeSpan.FromSeconds(parsed.GetValue(Patience) ?? 30),
                Time = host.Time,
                Limits = limits with
                {
                    Reading = limits.Reading ?? (read is null ? "no --read was given: name a command that prints what is at the destination" : null),
                    Cut = limits.Cut ?? (parsed.GetValue(Cut) is null ? "no --cut was given" : null),
                    Refusal = limits.Refusal ?? (bad[0] is null ? "no --refused was given" : null),
                    Missing = limits.Missing ?? (bad[1] is null ? "no --missing was given" : null),
                    Secrets = limits.Secrets ?? (secrets.Length == 0 ? "its profile has no secret" : null),
                    Unwanted = limits.Unwanted ?? "nobody told which event the destination refuses",
                    Hold = limits.Hold ?? "from outside nobody can make the destination slow",
                    OpenConnections = limits.OpenConnections ?? "from outside nobody can count connections",
                },
            };
        }
    }

    private static async Task<List<Profile>> ProfilesAsync(ParseResult parsed, IngressDescriptor descriptor, TesterHost host)
    {
        var sources = new List<IProfileSource>();
        await using var bus = EventBus.Create(o =>
        {
            AcctSetup.Apply(parsed, o);
            sources.AddRange(o.ProfileSources);
        });
        var profiles = new List<Profile>();
        foreach (var source in sources)
            profiles.AddRange((await source.LoadAsync(host.Interrupted)).Where(profile => descriptor.GoesBy(profile.Provider)));
        return profiles;
    }

    private static Profile? Find(List<Profile> profiles, string? name) => name is null ? null
        : profiles.Find(profile => profile.Name == name) ?? throw new EvBusException($"There is no profile '{name}' for the plugin. There are: {string.Join(", ", profiles.Select(profile => profile.Name))}.");

    private static string Powers(IngressDescriptor descriptor, Profile? profile, TesterHost host)
    {
        IPublisher publisher;
        try
        {
            publisher = descriptor.Create(new IngressContext($"{descriptor.Name}/certify", profile, null, null, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, host.Time));
        }
        catch (Exception e)
        {
            // Whatever its constructor throws: a fact says so below.
            return $"It cannot be made: {e.GetType().Name}.\n";
        }
        return $"window {YesNo(publisher is IWindowedPublisher)}, prepares {YesNo(publisher is IPreparingPublisher)}, tries connections {YesNo(publisher is IConnectionTest)}, watches connections {YesNo(publisher is IConnectionWatch)}, "
            + $"profile {(descriptor.NeedsProfile ? "needed" : "not needed")}, one at a time {YesNo(descriptor.IsExclusive)}\n";

        static string YesNo(bool has) => has ? "yes" : "no";
    }

    private static Option<string?> Text(string name, string value, string description) => new(name) { HelpName = value, Description = description };

    private static void Print(TesterHost host, string text)
    {
        host.Output.Write(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n")));
        host.Output.Flush();
    }
}
