using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus;

/// <summary>
/// The 32 bytes that a journal on disk is encrypted with (<see cref="JournalOptions.Key"/>). Prints as <c>***</c> in texts, JSON and the debugger; only
/// <see cref="Reveal"/> shows it. Immutable; any thread. Whoever loses it has lost what waits in the journal.
/// </summary>
[DebuggerDisplay("***")]
[JsonConverter(typeof(Converter))]
public sealed class JournalKey
{
    /// <summary>The environment variable that holds a key as text, where nothing else is said.</summary>
    public const string Variable = "EVBUS_JOURNAL_KEY";

    private const int Length = 32;
    private const int MaxFileBytes = 4096;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _bytes;

    private JournalKey(byte[] bytes) => _bytes = bytes;

    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Makes a new key from the operating system's random source.</summary>
    public static JournalKey Generate() => new(RandomNumberGenerator.GetBytes(Length));

    /// <summary>Reads a key: 44 characters of base64, url-safe or standard, as <see cref="Reveal"/> and <c>acct</c> print it; white space around it is ignored.</summary>
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

    /// <summary>The key as text, to hand it to somebody: 44 characters of base64.</summary>
    public string Reveal() => Convert.ToBase64String(_bytes);

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";

    internal static JournalKey Parse(string text, string what)
    {
        var trimmed = text.Trim().Replace('-', '+').Replace('_', '/');
        var bytes = new byte[((trimmed.Length / 4) + 1) * 3];
        if (!Convert.TryFromBase64String(trimmed, bytes, out var length))
            throw new EvBusException($"{what} is no base64 (it has {trimmed.Length} characters). A key is 44 characters of base64 that end in '='.");
        if (length != Length)
            throw new EvBusException($"{what} stands for {length} bytes instead of {Length}. A key is 44 characters of base64 that end in '='.");
        return new JournalKey(bytes[..Length]);
    }

    private sealed class Converter : JsonConverter<JournalKey>
    {
        public override JournalKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A key is not read from JSON; use JournalKey.Parse.");

        public override void Write(Utf8JsonWriter writer, JournalKey value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
