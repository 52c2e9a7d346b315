using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using Microsoft.Extensions.Configuration;

namespace EvBus.Acct;

/// <summary>
/// Which acct file, and where its key comes from. From any program's command line (<see cref="AddTo"/>), the environment, or
/// configuration. Prints the file's name and <c>***</c> for what may be secret.
/// </summary>
/// <remarks>Immutable; safe from any thread.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
[DebuggerTypeProxy(typeof(Redacted))]
public sealed record AcctOptions
{
    /// <summary>The file. <c>--acct-file</c>, <c>ACCT_FILE</c>, <c>EvBus:Acct:File</c>. Default: none, and then there are no profiles.</summary>
    public string? File { get; init; }

    /// <summary>The key as text. <c>--acct-key</c>, <c>ACCT_KEY</c>, <c>EvBus:Acct:Key</c>. Can be set, not read. Default: none.</summary>
    public string? Key { internal get; init; }

    /// <summary>A file with the key in it. <c>--acct-key-file</c>, <c>ACCT_KEY_FILE</c>, <c>EvBus:Acct:KeyFile</c>. Default: none.</summary>
    public string? KeyFile { get; init; }

    /// <summary>A command of the shell that prints the key. <c>--acct-key-command</c>, <c>EvBus:Acct:KeyCommand</c>. Can be set, not read. Default: none.</summary>
    public string? KeyCommand { internal get; init; }

    /// <summary>How long the key command may take; it is killed then. More than 0; default 30 s.</summary>
    public TimeSpan KeyCommandTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The only profile names to use. <c>--ingress-profiles</c>, <c>INGRESS_PROFILES</c> (comma-separated), <c>EvBus:Acct:Profiles</c>. Default: empty, which means all.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];

    /// <summary>The cipher. <c>EvBus:Acct:Cipher</c>: <c>fernet</c> or <c>aesgcm256</c>. Default: by the file's extension, else by its contents.</summary>
    public AcctCipher? Cipher { get; init; }

    /// <summary>The largest file that is read, in bytes. 1 to 1 GiB; default 16 MiB.</summary>
    public long MaxFileBytes { get; init; } = AcctFile.DefaultMaxBytes;

    /// <summary>Whether any source of a key is named.</summary>
    public bool HasKey => Key is not null || KeyFile is not null || KeyCommand is not null;

    internal bool KeyOnCommandLine { get; init; }

    /// <summary>Adds the acct options to a command line; they work on its subcommands too.</summary>
    /// <param name="command">Usually the root command.</param>
    /// <param name="withProfiles">Whether <c>--ingress-profiles</c> is among them. Default: yes.</param>
    public static void AddTo(Command command, bool withProfiles = true) => AcctCommandLine.AddTo(command, withProfiles);

    /// <summary>
    /// Reads the options: the command line wins over the environment, and the environment over configuration. A key source of a stronger
    /// layer replaces every key source of the weaker ones.
    /// </summary>
    /// <param name="result">The parsed command line that <see cref="AddTo"/> was called for.</param>
    /// <param name="configuration">The whole configuration, for its section <c>EvBus:Acct</c>. Default: none.</param>
    /// <param name="environment">Reads an environment variable. Default: the process's.</param>
    /// <exception cref="EvBusConfigurationException">One layer names more than one source of a key, or a value is wrong; all errors at once.</exception>
    public static AcctOptions From(ParseResult result, IConfiguration? configuration = null, Func<string, string?>? environment = null)
    {
        ArgumentNullException.ThrowIfNull(result);
        return AcctCommandLine.Read(result).Over(FromEnvironment(environment)).Over(From(configuration)).Checked();
    }

    /// <summary>Reads the options from the section <c>EvBus:Acct</c>; an unknown key in it is an error.</summary>
    /// <param name="configuration">The whole configuration; null gives the defaults.</param>
    /// <exception cref="EvBusConfigurationException">A value is wrong; all errors at once.</exception>
    public static AcctOptions From(IConfiguration? configuration) => AcctCommandLine.Read(configuration).Checked();

    /// <summary>Reads the options from <c>ACCT_FILE</c>, <c>ACCT_KEY</c>, <c>ACCT_KEY_FILE</c> and <c>INGRESS_PROFILES</c>; an empty variable counts as none.</summary>
    /// <param name="environment">Reads an environment variable. Default: the process's.</param>
    /// <exception cref="EvBusConfigurationException">More than one source of a key is named.</exception>
    public static AcctOptions FromEnvironment(Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        string? Variable(string name) => environment(name) is { Length: > 0 } value ? value : null;
        return new AcctOptions
        {
            File = Variable("ACCT_FILE"),
            Key = Variable("ACCT_KEY"),
            KeyFile = Variable("ACCT_KEY_FILE"),
            Profiles = Variable("INGRESS_PROFILES")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [],
        }.Checked();
    }

    /// <summary>The file's name; <c>***</c> for a key.</summary>
    public override string ToString() => $"acct file {File ?? "(none)"}, key {(HasKey ? "***" : "(none)")}";

    internal AcctOptions Over(AcctOptions weaker)
    {
        var keys = HasKey ? this : weaker;
        return this with
        {
            File = File ?? weaker.File,
            Key = keys.Key,
            KeyFile = keys.KeyFile,
            KeyCommand = keys.KeyCommand,
            KeyOnCommandLine = keys.KeyOnCommandLine,
            Profiles = Profiles.Count > 0 ? Profiles : weaker.Profiles,
            Cipher = Cipher ?? weaker.Cipher,
        };
    }

    internal AcctOptions Checked()
    {
        var errors = new List<string>();
        if ((Key is null ? 0 : 1) + (KeyFile is null ? 0 : 1) + (KeyCommand is null ? 0 : 1) > 1)
            errors.Add("More than one source of the acct key is named in one place. Give one of key, key file and key command.");
        if (File is "" || KeyFile is "")
            errors.Add($"The name of the acct {(File is "" ? "file" : "key's file")} is empty. Name a file, or leave it out.");
        if (KeyCommandTimeout <= TimeSpan.Zero)
            errors.Add($"The time-out of the key command is {KeyCommandTimeout}; it must be more than 0.");
        if (MaxFileBytes is < 1 or > 1 << 30)
            errors.Add($"The largest acct file is {MaxFileBytes:N0} bytes; allowed is 1 to {1 << 30:N0}.");
        return errors.Count == 0 ? this : throw new EvBusConfigurationException(errors);
    }
}
