using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>The key of encrypted journals, from where this run of the command was told: <c>--key-file</c>, else the environment. Never from the command line itself, where others could see it.</summary>
internal static class ToolKey
{
    private static readonly AsyncLocal<Func<JournalKey?>?> s_source = new();

    /// <summary>For what is run from here on.</summary>
    public static void Use(string? file, Func<string, string?> environment) => s_source.Value = () =>
        file is not null ? JournalKey.FromFile(file)
        : environment(JournalKey.Variable) is { Length: > 0 } text ? JournalKey.Parse(text, $"The journal's key in {JournalKey.Variable}") : null;

    /// <summary>The key given, whatever it is for.</summary>
    public static JournalKey? Given => s_source.Value?.Invoke();

    /// <summary>What decrypts this journal; null when it is not encrypted or no key is given.</summary>
    /// <exception cref="EvBusException">The key given is none, or another's.</exception>
    public static JournalCipher? For(IStorage storage)
    {
        if (!KeyFile.IsEncrypted(storage) || Given is not { } key)
            return null;
        var cipher = new JournalCipher(key);
        KeyFile.Check(storage, cipher);
        return cipher;
    }
}
