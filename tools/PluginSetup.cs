using System.CommandLine;

namespace EvBus.Tools;

/// <summary>The plugins of the commands: the publishers that come with them, and those of the folders named on the command line.</summary>
internal static class PluginSetup
{
    public static Option<string[]> NewOption() => new("--plugins")
    {
        Description = "Take the plugins of this folder too (PATH/NAME/plugin.json each); may be given several times.",
        HelpName = "PATH",
        Arity = ArgumentArity.ZeroOrMore,
        Recursive = true,
    };

    /// <exception cref="EvBusConfigurationException">A path cannot be read, or a plugin's name is taken.</exception>
    public static void Apply(EvBusBuilder bus, IEnumerable<string> paths)
    {
        bus.AddConsole();
        bus.AddExec();
        bus.AddFile();
        bus.AddHttp();
        bus.AddKafka();
        bus.AddPostgres();
        bus.AddOtlp();
        bus.AddRabbitMq();
        // All kinds there are, whether the acct file names them or not: one without a profile is not worth a warning.
        for (var i = 0; i < bus.Added.Count; i++)
            bus.Added[i] = bus.Added[i] with { IsBuiltIn = true };
        bus.AddPlugins([.. paths]);
    }
}
