using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace EvBus;

/// <summary>
/// Makes text that came from outside (an event's id, a destination's words, a profile's name) safe for one line of a log or a terminal. Such text could otherwise begin a line of its own, or give the
/// terminal commands. Pure; callable from any thread.
/// </summary>
public static class PlainText
{
    // C0, DEL, C1, the line separators of Unicode, and the marks that turn the direction of writing.
    private static readonly SearchValues<char> s_unsafe = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Concat(Enumerable.Range(0x7F, 0x21)).Concat([0x2028, 0x2029]).Concat(Enumerable.Range(0x202A, 5)).Concat(Enumerable.Range(0x2066, 4)).Select(c => (char)c)]);

    /// <summary>The text on one line: each control character is written as an escape (<c>\n</c>, <c>\r</c>, <c>\t</c>, otherwise as <c>\u001b</c>). A text without any comes back as the same instance, without a copy.</summary>
    /// <param name="text">The text; null gives null.</param>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? OneLine(string? text) => text is null || text.AsSpan().IndexOfAny(s_unsafe) < 0 ? text : Escape(text);

    /// <summary>As <see cref="OneLine(string?)"/>, and cut where it is too long; what is cut is said by <c>… (N characters more)</c>.</summary>
    /// <param name="text">The text; null gives null.</param>
    /// <param name="most">The most characters of the text that are kept, from 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="most"/> is below 1.</exception>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? OneLine(string? text, int most)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        if (text is null || text.Length <= most)
            return OneLine(text);
        // Both halves of a surrogate pair are kept, or neither.
        var kept = char.IsHighSurrogate(text[most - 1]) ? most - 1 : most;
        return string.Create(CultureInfo.InvariantCulture, $"{OneLine(text[..kept])}… ({text.Length - kept} characters more)");
    }

    private static string Escape(string text)
    {
        var line = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (!s_unsafe.Contains(c))
                line.Append(c);
            else if (c is '\n' or '\r' or '\t')
                line.Append(c switch { '\n' => "\\n", '\r' => "\\r", _ => "\\t" });
            else
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return line.ToString();
    }
}
