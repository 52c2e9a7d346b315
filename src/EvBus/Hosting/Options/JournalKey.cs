using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus;

/// <summary>
/// The 32 bytes that a journal on disk is encrypted with (<see cref="JournalOptions.Key"/>). Prints as <c>***</c> in texts, JSON and the debugger; only
/// <see cref="Reveal"/> shows it. Immutable; any thread. Whoever loses it has lost what waits in the journal. To change it, give the new one with the former ones
/// behind it (<see cref="WithFormer"/>): the first writes, all read, and a former one is asked for until nothing is left that it opens.
/// </summary>
[DebuggerDisplay("***")]
[JsonConverter(typeof(Converter))]
public sealed class JournalKey
{
    /// <summary>The environment variable that holds a key as text, where nothing else is said.</summary>
    public const string Variable = "EVBUS_JOURNAL_KEY";

    private const int Length = 32;
    private const int MaxFileBytes = 4096;
    private const int MaxKeys = 4;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[][] _keys;

    private JournalKey(byte[][] keys) => _keys = keys;

    /// <summary>The one that writes, then those that only read.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    internal IReadOnlyList<byte[]> Keys => _keys;

    /// <summary>The one that writes, alone.</summary>
    internal JournalKey First => new([_keys[0]]);

    /// <summary>Makes a new key from the operating system's random source.</summary>
    public static JournalKey Generate() => new([RandomNumberGenerator.GetBytes(Length)]);

    /// <summary>This key to write with, and to read with what is encrypted with a former one. At most four in all; what is there twice counts once.</summary>
    /// <param name="former">The key of before, with its own former ones.</param>
    /// <exception cref="ArgumentException">There would be more than four.</exception>
    public JournalKey WithFormer(JournalKey former)
    {
        ArgumentNullException.ThrowIfNull(former);
        var keys = _keys.Concat(former._keys).DistinctBy(Convert.ToBase64String).ToArray();
        return keys.Length <= MaxKeys ? new JournalKey(keys) : throw new ArgumentException($"A journal reads with at most {MaxKeys} keys at a time. Leave out those that it does not ask for.", nameof(former));
    }

    /// <summary>
    /// Reads a key: 44 characters of base64, url-safe or standard, as <see cref="Reveal"/> and <c>acct</c> print it; white space around it is ignored. Several, divided by
    /// white space, are the key and its former ones, as <see cref="WithFormer"/> makes them.
    /// </summary>
    /// <exception cref="EvBusException">It is not one; the message tells its length, never the key.</exception>
    public static JournalKey Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parse(text, "The journal's key");
    }

    /// <summary>The key in an environment variable; null when it is unset or empty.</summary>
    /// <param name="variable">Its name. Default: <see cref="Variable"/>.</param>
    /// <exception cref="EvBusException">What it holds is no key.</exception>
    public static JournalKey? FromEnvironment(string variable = Variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? Parse(text, $"The journal's key in {variable}") : null;

    /// <summary>The key in a file, such as a mounted secret. Best readable by its owner alone (0600).</summary>
    /// <exception cref="EvBusException">It cannot be read, or holds no key.</exception>
    public static JournalKey FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
                throw new EvBusException($"The journal's key file '{path}' is larger than {MaxFileBytes} bytes, so it is none. Name the file that holds the key and nothing else.");
            return Parse(File.ReadAllText(path), $"The journal's key file '{path}'");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EvBusException($"The journal's key file '{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The key as text, to hand it to somebody: 44 characters of base64; with former ones, one behind the other with a space between.</summary>
    public string Reveal() => string.Join(' ', _keys.Select(Convert.ToBase64String));

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";

    internal static JournalKey Parse(string text, string what)
    {
        var parts = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length > MaxKeys)
            throw new EvBusException($"{what} is {parts.Length} keys; a journal reads with at most {MaxKeys} at a time. Leave out those that it does not ask for.");
        return parts.Length < 2 ? new JournalKey([ParseOne(text.Trim(), what)]) : new JournalKey([.. parts.Select((part, i) => ParseOne(part, $"{what}, number {i + 1} of {parts.Length},")).DistinctBy(Convert.ToBase64String)]);
    }

    private static byte[] ParseOne(string text, string what)
    {
        var trimmed = text.Replace('-', '+').Replace('_', '/');
        var bytes = new byte[((trimmed.Length / 4) + 1) * 3];
        if (!Convert.TryFromBase64String(trimmed, bytes, out var length))
            throw new EvBusException($"{what} is no base64 (it has {trimmed.Length} characters). A key is 44 characters of base64 that end in '='.");
        if (length != Length)
            throw new EvBusException($"{what} stands for {length} bytes instead of {Length}. A key is 44 characters of base64 that end in '='.");
        return bytes[..Length];
    }

    private sealed class Converter : JsonConverter<JournalKey>
    {
        public override JournalKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A key is not read from JSON; use JournalKey.Parse.");

        public override void Write(Utf8JsonWriter writer, JournalKey value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
