using EvBus.Acct;
using Microsoft.Extensions.Logging;

#pragma warning disable IDE0130 // Beside AddFile, AddRabbitMq and all the others, so that one using brings every door.
namespace EvBus;

/// <summary>Adds acct to a bus.</summary>
public static class AcctBuilderExtensions
{
    /// <summary>Adds the profiles of an acct file. Options without a file add nothing.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="options">Which file and key.</param>
    /// <exception cref="EvBusConfigurationException">The options contradict themselves.</exception>
    public static EvBusBuilder AddAcct(this EvBusBuilder bus, AcctOptions options)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(options);
        return options.File is null ? bus : bus.AddProfiles(new AcctProfileSource(options, () => bus.LoggerFactory?.CreateLogger(AcctLog.Category)));
    }

    /// <summary>Adds the profiles of an acct file.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="file">The file. Null: what <c>ACCT_FILE</c> says, and nothing if that is unset.</param>
    /// <param name="key">The key as text. Null: what <c>ACCT_KEY</c> or <c>ACCT_KEY_FILE</c> says; without any, plain YAML is read, with a warning.</param>
    /// <param name="profiles">The only profile names to use. Default: all.</param>
    public static EvBusBuilder AddAcct(this EvBusBuilder bus, string? file = null, string? key = null, params string[] profiles) =>
        bus.AddAcct(new AcctOptions { File = file, Key = key, Profiles = profiles }.Over(AcctOptions.FromEnvironment()));
}
