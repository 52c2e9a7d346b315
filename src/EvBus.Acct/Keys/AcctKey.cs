using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus.Acct;

/// <summary>
/// The 32 bytes that open an acct file. Prints as <c>***</c> in texts, JSON and the debugger; only <see cref="Reveal"/> shows it.
/// </summary>
/// <remarks>Safe from any thread until it is disposed, which zeroes it.</remarks>
[DebuggerDisplay("***")]
[DebuggerTypeProxy(typeof(Redacted))]
[JsonConverter(typeof(Converter))]
public sealed class AcctKey : IDisposable
{
    /// <summary>How many bytes a key of either cipher has.</summary>
    public const int Length = 32;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly byte[] _bytes;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private bool _disposed;

    // Pinned, so that the garbage collector leaves no copy behind.
    private AcctKey() => _bytes = GC.AllocateArray<byte>(Length, pinned: true);

    internal ReadOnlySpan<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _bytes;
        }
    }

    /// <summary>Makes a new key from the operating system's random source.</summary>
    public static AcctKey Generate()
    {
        var key = new AcctKey();
        RandomNumberGenerator.Fill(key._bytes);
        return key;
    }

    /// <summary>Reads a key: 44 characters of base64, url-safe or standard, with its <c>=</c>; white space around or in it is ignored.</summary>
    /// <param name="text">The key as acct prints it.</param>
    /// <exception cref="AcctException">It is not one (<see cref="AcctFault.BadKey"/>); the message tells its length, never the key.</exception>
    public static AcctKey Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var bytes = Encoding.UTF8.GetBytes(text);
        try
        {
            return Parse(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Reads a key from UTF-8; see <see cref="Parse(string)"/>.</summary>
    /// <exception cref="AcctException">As above.</exception>
    public static AcctKey Parse(ReadOnlySpan<byte> text)
    {
        text = text.Trim(" \t\r\n\v\f"u8);
        if (text.StartsWith("\uFEFF"u8))
            text = text[3..];
        if (text.IsEmpty)
            throw Bad("it is empty");
        if (AcctBase64.IsUtf16(text))
            throw Bad("it is UTF-16, as '>' of PowerShell 5 writes it; save it as UTF-8");
        if (text.Length > 1024)
            throw Bad($"it has {text.Length} characters");
        Span<byte> decoded = stackalloc byte[AcctBase64.MaxLength(text.Length)];
        try
        {
            var result = AcctBase64.Decode(text, decoded, out var length, strict: false);
            if (result == AcctBase64.Result.WrongCharacter)
                throw Bad("it holds a character that is not base64");
            if (result == AcctBase64.Result.WrongEnd)
                throw Bad($"its end is cut off or lacks its '=' (it has {text.Length} characters)");
            if (length != Length)
                throw Bad($"it stands for {length} bytes instead of {Length}");
            var key = new AcctKey();
            decoded[..length].CopyTo(key._bytes);
            return key;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(decoded);
        }
    }

    /// <summary>The key as text, to hand it to somebody: 44 characters, in the alphabet the cipher's files are used with.</summary>
    /// <param name="cipher">Fernet: url-safe base64; AES-GCM: standard base64. Either cipher reads both.</param>
    /// <exception cref="ObjectDisposedException">The key is gone.</exception>
    public string Reveal(AcctCipher cipher = AcctCipher.Fernet)
    {
        var text = Convert.ToBase64String(Bytes);
        return cipher == AcctCipher.Fernet ? text.Replace('+', '-').Replace('/', '_') : text;
    }

    /// <summary>Zeroes the key. Disposing twice is harmless.</summary>
    public void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_bytes);
    }

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";

    private static AcctException Bad(string reason) => new(AcctFault.BadKey,
        $"The acct key is malformed: {reason}. A key is 44 characters of base64 that end in '='; copy it whole, as 'acct encrypt' printed it.");

    private sealed class Converter : JsonConverter<AcctKey>
    {
        public override AcctKey Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A key is not read from JSON; use AcctKey.Parse.");

        public override void Write(Utf8JsonWriter writer, AcctKey value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
