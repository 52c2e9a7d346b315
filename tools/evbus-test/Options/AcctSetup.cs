using System.CommandLine;

namespace EvBus.Tools.Tester.Options;

/// <summary>The one place where the tester meets the profiles.</summary>
internal static class AcctSetup
{
    private static readonly Option<string[]> IngressProfiles = new("--ingress-profiles")
    {
        Description = "Use only the profiles of these names (default: all).", HelpName = "NAME", AllowMultipleArgumentsPerToken = true,
    };

    public static void AddTo(Command command) => command.Options.Add(IngressProfiles);

    public static void Apply(ParseResult parsed, EvBusBuilder bus)
    {
        if (parsed.GetValue(IngressProfiles) is { Length: > 0 } names)
            bus.Options = bus.Options with { AllowedProfiles = names };
        bus.AddProfilesFromEnvironment();
    }
}
