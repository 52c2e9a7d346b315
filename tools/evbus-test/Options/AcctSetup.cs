using System.CommandLine;
using EvBus.Acct;

namespace EvBus.Tools.Tester.Options;

/// <summary>The one place where the tester meets credentials.</summary>
internal static class AcctSetup
{
    public static void AddTo(Command command) => AcctOptions.AddTo(command);

    /// <exception cref="EvBusConfigurationException">The options contradict themselves.</exception>
    public static void Apply(ParseResult parsed, EvBusBuilder bus)
    {
        var acct = AcctOptions.From(parsed);
        bus.AddAcct(acct);
        bus.AddProfilesFromEnvironment();
        bus.Options = bus.Options with { AllowedProfiles = acct.Profiles };
    }
}
