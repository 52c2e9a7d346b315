using System.Text;
using System.Text.Encodings.Web;
using System.Text.RegularExpressions;

namespace EvBus;

/// <summary>
/// The secret values of a profile, to be hidden in what a publisher or its client library says: exceptions often repeat what they were given. Secret is what stands under a key
/// that says so (password, token, api_key, …), every value of a map that is a place for secrets (<c>headers</c> and <c>environment</c>, whatever the names in it), and the password in an
/// address or a connection string. As it is, percent-encoded, in JSON and in base64. Immutable; safe from any thread.
/// </summary>
internal sealed partial class ProfileSecrets
{
    private const string Hidden = "***";

    // What is shorter occurs in ordinary words, and is no secret worth the name.
    private const int MinLength = 3;
    private const int MinLengthInsideWords = 8;
    private readonly List<(string Text, Regex? Alone)> _texts;

    private ProfileSecrets(IEnumerable<string> values) => _texts =
    [
        .. values.SelectMany(Spellings).Where(text => text.Length >= MinLength).Distinct(StringComparer.Ordinal).OrderByDescending(text => text.Length).Select(text => (
            text,
            text.Length >= MinLengthInsideWords ? null : new Regex($"(?<![A-Za-z0-9]){Regex.Escape(text)}(?![A-Za-z0-9])", RegexOptions.CultureInvariant))),
    ];

    public static ProfileSecrets None { get; } = new([]);

    public static ProfileSecrets Of(IReadOnlyDictionary<string, object?> values) => new([.. Find("", values, isSecret: false)]);

    public bool IsEmpty => _texts.Count == 0;

    /// <summary>The text with <c>***</c> in place of each secret.</summary>
    public string Mask(string text)
    {
        // A plugin's exception may override its message with anything.
        text ??= "";
        foreach (var (secret, alone) in _texts)
            text = alone is null ? text.Replace(secret, Hidden, StringComparison.Ordinal) : alone.Replace(text, Hidden);
        return text;
    }

    /// <summary>The exception itself when it is clean; otherwise one that says the same without the secrets.</summary>
    public Exception Mask(Exception exception)
    {
        if (IsEmpty)
            return exception;
        var text = exception.ToString();
        var masked = Mask(text);
        return ReferenceEquals(text, masked) || text == masked ? exception : new EvBusException(masked);
    }

    private static IEnumerable<string> Find(string key, object? value, bool isSecret)
    {
        switch (value)
        {
            case IReadOnlyDictionary<string, object?> map:
                return map.SelectMany(pair => Find(pair.Key, pair.Value, isSecret || SecretKey().IsMatch(pair.Key) || IsPlaceOfSecrets(pair)));
            case byte[] bytes:
                return isSecret ? [Convert.ToBase64String(bytes), Encoding.UTF8.GetString(bytes)] : [];
            case string text when !isSecret:
                return Passwords().Matches(text).SelectMany(match => (string[])[match.Groups["p"].Value, Uri.UnescapeDataString(match.Groups["p"].Value)]);
            case string text:
                return [text, .. Passwords().Matches(text).Select(match => match.Groups["p"].Value), .. Pieces(text)];
            case System.Collections.IEnumerable list:
                return list.Cast<object?>().SelectMany(item => Find(key, item, isSecret));
            default:
                return isSecret && value is not (null or bool) ? [Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!] : [];
        }
    }

    private static bool IsPlaceOfSecrets(KeyValuePair<string, object?> pair) =>
        pair.Value is IReadOnlyDictionary<string, object?> && (pair.Key.Equals("headers", StringComparison.OrdinalIgnoreCase) || pair.Key.Equals("environment", StringComparison.OrdinalIgnoreCase));

    // "Bearer abc", "session=abc; other=def": who repeats only the part behind the word has repeated the secret.
    private static IEnumerable<string> Pieces(string text) =>
        text.Split([' ', '\t', '\r', '\n', ';', ',', '='], StringSplitOptions.RemoveEmptyEntries).Where(piece => piece.Length >= MinLengthInsideWords);

    private static IEnumerable<string> Spellings(string value) =>
    [
        value, value.Trim(), Uri.EscapeDataString(value), JavaScriptEncoder.Default.Encode(value), JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value), Convert.ToBase64String(Encoding.UTF8.GetBytes(value)),
    ];

    [GeneratedRegex(
        @"pass(word|wd|phrase|code)?s?$|pwd$|secret|tokens?$|credential|(api|access|private|shared|account|sas|auth|encryption|signing|ssl|master|client)[._-]?key([._-]?(pem|data))?$|connection[._-]?string$",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex SecretKey();

    // user:PASSWORD@ of an address; Password=PASSWORD of a connection string.
    [GeneratedRegex(@"://[^/@:\s]*:(?<p>[^/@\s]+)@|(?<=^|[;,\s])(password|pwd|\w*secret|\w*key|token)\s*=\s*(?<p>[^;,\s]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Passwords();
}
