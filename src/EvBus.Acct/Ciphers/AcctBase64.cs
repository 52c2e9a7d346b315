using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace EvBus.Acct;

/// <summary>
/// Base64 as acct's files and keys carry it: either alphabet, white space anywhere, padding required. The common form (url-safe, one line)
/// is decoded where it stands; the others are put into that form first.
/// </summary>
internal static class AcctBase64
{
    private static readonly SearchValues<byte> UrlAlphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"u8);

    public enum Result
    {
        Ok,
        WrongCharacter,

        /// <summary>Only base64 characters, but the padding is missing or wrong, or bits are set behind the last byte.</summary>
        WrongEnd,
    }

    /// <summary>Whether a text begins with the mark of UTF-16, of either order.</summary>
    public static bool IsUtf16(ReadOnlySpan<byte> text) => text is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..];

    public static int MaxLength(int textLength) => (textLength / 4 * 3) + 3;

    /// <param name="text">The text.</param>
    /// <param name="destination">At least <see cref="MaxLength"/>.</param>
    /// <param name="written">How many bytes came out.</param>
    /// <param name="strict">Whether bits behind the last byte must be 0, so that no two texts mean the same bytes.</param>
    public static Result Decode(ReadOnlySpan<byte> text, Span<byte> destination, out int written, bool strict)
    {
        text = text.Trim(" \t\r\n\v\f"u8);
        var body = text.TrimEnd((byte)'=');
        if (!body.ContainsAnyExcept(UrlAlphabet))
            return DecodeClean(body, text.Length - body.Length, destination, out written, strict);

        written = 0;
        var clean = ArrayPool<byte>.Shared.Rent(text.Length);
        try
        {
            var count = 0;
            foreach (var character in text)
            {
                switch (character)
                {
                    case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)'\v' or (byte)'\f':
                        break;
                    case (byte)'+':
                        clean[count++] = (byte)'-';
                        break;
                    case (byte)'/':
                        clean[count++] = (byte)'_';
                        break;
                    default:
                        clean[count++] = character;
                        break;
                }
            }
            text = clean.AsSpan(0, count);
            body = text.TrimEnd((byte)'=');
            return body.ContainsAnyExcept(UrlAlphabet)
                ? Result.WrongCharacter
                : DecodeClean(body, text.Length - body.Length, destination, out written, strict);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(clean.AsSpan(0, text.Length));
            ArrayPool<byte>.Shared.Return(clean);
        }
    }

    private static Result DecodeClean(ReadOnlySpan<byte> body, int padding, Span<byte> destination, out int written, bool strict)
    {
        written = 0;
        if (padding != (4 - (body.Length % 4)) % 4 || padding == 3)
            return Result.WrongEnd;
        var unused = padding switch { 1 => 0b11, 2 => 0b1111, _ => 0 };
        if (unused != 0 && (Value(body[^1]) & unused) != 0)
        {
            if (strict)
                return Result.WrongEnd;
            // A key from elsewhere may have them; the decoder below must not see them.
            Span<byte> tail = stackalloc byte[body.Length % 4];
            body[^tail.Length..].CopyTo(tail);
            tail[^1] = Letter(Value(tail[^1]) & ~unused);
            Base64Url.DecodeFromUtf8(body[..^tail.Length], destination, out _, out written);
            Base64Url.DecodeFromUtf8(tail, destination[written..], out _, out var rest);
            written += rest;
            return Result.Ok;
        }
        return Base64Url.DecodeFromUtf8(body, destination, out _, out written) == OperationStatus.Done ? Result.Ok : Result.WrongCharacter;
    }

    private static int Value(byte letter) => letter switch
    {
        >= (byte)'A' and <= (byte)'Z' => letter - 'A',
        >= (byte)'a' and <= (byte)'z' => letter - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => letter - '0' + 52,
        (byte)'-' => 62,
        _ => 63,
    };

    private static byte Letter(int value) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"u8[value];
}
