using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace EvBus.Acct;

/// <summary>Where <see cref="AcctOptions"/> are spelled: the names on the command line and in configuration.</summary>
internal static class AcctCommandLine
{
    public const string File = "--acct-file";
    public const string Key = "--acct-key";
    public const string KeyFile = "--acct-key-file";
    public const string KeyCommand = "--acct-key-command";
    public const string Profiles = "--ingress-profiles";

    private static readonly string[] Known = ["File", "Key", "KeyFile", "KeyCommand", "Profiles", "Cipher"];

    public static void AddTo(Command command, bool withProfiles)
    {
        ArgumentNullException.ThrowIfNull(command);
        command.Options.Add(Text(File, "FILE", "The encrypted credentials file. [env: ACCT_FILE]"));
        command.Options.Add(Text(Key, "KEY", "The key of the file. Other users of the machine can see it here: better ACCT_KEY or --acct-key-file. [env: ACCT_KEY]"));
        command.Options.Add(Text(KeyFile, "FILE", "A file that holds the key. [env: ACCT_KEY_FILE]"));
        command.Options.Add(Text(KeyCommand, "COMMAND", "A shell command that prints the key, such as 'pass show acct'."));
        if (withProfiles)
        {
            command.Options.Add(new Option<string[]>(Profiles)
            {
                Description = "Use only the profiles of these names. Several are separated by spaces or commas. Default: all. [env: INGRESS_PROFILES]",
                HelpName = "NAME",
                Arity = ArgumentArity.OneOrMore,
                AllowMultipleArgumentsPerToken = true,
                Recursive = true,
            });
        }
    }

    public static AcctOptions Read(ParseResult result)
    {
        string? Value(string name) => Find(result, name) is Option<string?> option ? result.GetValue(option) : null;
        var key = Value(Key);
        return new AcctOptions
        {
            File = Value(File),
            Key = key,
            KeyOnCommandLine = key is not null,
            KeyFile = Value(KeyFile),
            KeyCommand = Value(KeyCommand),
            Profiles = Find(result, Profiles) is Option<string[]> option ? Names(result.GetValue(option) ?? []) : [],
        }.Checked();
    }

    public static AcctOptions Read(IConfiguration? configuration)
    {
        if (configuration?.GetSection("EvBus:Acct") is not { } section || !section.GetChildren().Any())
            return new AcctOptions();
        var unknown = section.GetChildren().Where(child => !Known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)).ToList();
        if (unknown.Count > 0)
            throw new EvBusConfigurationException([.. unknown.Select(child => $"EvBus:Acct:{child.Key} is not known. There are: {string.Join(", ", Known)}.")]);
        string? Value(string name) => section[name] is { Length: > 0 } value ? value : null;
        return new AcctOptions
        {
            File = Value("File"),
            Key = Value("Key"),
            KeyFile = Value("KeyFile"),
            KeyCommand = Value("KeyCommand"),
            Cipher = Value("Cipher") is { } cipher ? AcctCiphers.Parse(cipher) : null,
            Profiles = [.. Value("Profiles")?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                ?? section.GetSection("Profiles").GetChildren().Select(child => child.Value).OfType<string>()],
        };
    }

    // As the variable and the configuration have them: separated by commas.
    private static string[] Names(string[] words) => [.. words.SelectMany(word => word.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];

    private static Option<string?> Text(string name, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName, Recursive = true };

    // The command that carries the options may be the one that was called or any above it.
    private static Option? Find(ParseResult result, string name)
    {
        for (System.CommandLine.Parsing.SymbolResult? at = result.CommandResult; at is not null; at = at.Parent)
        {
            if (at is System.CommandLine.Parsing.CommandResult { Command.Options: var options } && options.FirstOrDefault(option => option.Name == name) is { } found)
                return found;
        }
        return null;
    }
}
