using System.Globalization;
using System.Text;

namespace EvBus;

/// <summary>Texts and values as Python's <c>repr()</c> prints them.</summary>
internal static class PythonText
{
    public static string Repr(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var repr = new StringBuilder(text.Length + 2).Append(quote);
        foreach (var (rune, lone) in Runes(text))
        {
            switch (rune)
            {
                case '\\': repr.Append(@"\\"); break;
                case '\n': repr.Append(@"\n"); break;
                case '\r': repr.Append(@"\r"); break;
                case '\t': repr.Append(@"\t"); break;
                case var c when c == quote: repr.Append('\\').Append(quote); break;
                case < 0x20 or 0x7F: repr.Append(CultureInfo.InvariantCulture, $@"\x{rune:x2}"); break;
                case < 0x7F: repr.Append((char)rune); break;
                default:
                    if (!lone && IsPrintable(rune))
                        repr.Append(char.ConvertFromUtf32(rune));
                    else if (rune <= 0xFF)
                        repr.Append(CultureInfo.InvariantCulture, $@"\x{rune:x2}");
                    else if (rune <= 0xFFFF)
                        repr.Append(CultureInfo.InvariantCulture, $@"\u{rune:x4}");
                    else
                        repr.Append(CultureInfo.InvariantCulture, $@"\U{rune:x8}");
                    break;
            }
        }
        return repr.Append(quote).ToString();
    }

    /// <summary><c>repr(bytes)</c>, for bodies that are no text.</summary>
    public static string Repr(ReadOnlySpan<byte> bytes)
    {
        var quote = bytes.Contains((byte)'\'') && !bytes.Contains((byte)'"') ? '"' : '\'';
        var repr = new StringBuilder(bytes.Length + 3).Append('b').Append(quote);
        foreach (var each in bytes)
        {
            repr.Append(each switch
            {
                (byte)'\\' => @"\\",
                (byte)'\n' => @"\n",
                (byte)'\r' => @"\r",
                (byte)'\t' => @"\t",
                var c when c == quote => $@"\{quote}",
                >= 0x20 and < 0x7F => ((char)each).ToString(),
                _ => $@"\x{each:x2}",
            });
        }
        return repr.Append(quote).ToString();
    }

    /// <summary>What <c>str.isprintable</c> says: no control, format, surrogate, private, unassigned or separating character but the space.</summary>
    public static bool IsPrintable(int rune) => rune == ' ' || CharUnicodeInfo.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);

    /// <summary>Code points as Python counts them; a surrogate without its other half stands alone.</summary>
    public static IEnumerable<(int Rune, bool Lone)> Runes(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text, i))
            {
                yield return (char.ConvertToUtf32(text, i), false);
                i++;
            }
            else
            {
                yield return (text[i], char.IsSurrogate(text[i]));
            }
        }
    }
}
