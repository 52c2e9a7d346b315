using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EvBus.Acct;

/// <summary>
/// Tree → YAML in the block style of PyYAML's <c>safe_dump</c>, for people to edit: the order of the tree is kept, so that encrypting it
/// again gives the same bytes; texts of several lines stand as literal blocks; nothing is folded; printable characters stay themselves.
/// Invariant: <see cref="YamlReader"/> reads the same tree back.
/// </summary>
internal sealed partial class YamlWriter
{
    private const int LongestPlainKey = 128;

    private readonly StringBuilder _text = new();

    /// <exception cref="AcctException">The tree holds something that YAML has no form for.</exception>
    public static string Write(object? value)
    {
        var writer = new YamlWriter();
        switch (value)
        {
            case MessagePackMap { Count: > 0 } map:
                writer.Map(map, 0);
                break;
            case List<object?> { Count: > 0 } list:
                writer.List(list, 0);
                break;
            default:
                writer._text.Append(Inline(value)).Append('\n');
                break;
        }
        return writer._text.ToString();
    }

    private void Map(MessagePackMap map, int indent)
    {
        var first = true;
        foreach (var (key, value) in map)
        {
            Indent(first ? 0 : indent);
            first = false;
            var name = Inline(key);
            if (name.Length > LongestPlainKey)
            {
                _text.Append("? ").Append(name).Append('\n');
                Indent(indent);
            }
            else
            {
                _text.Append(name);
            }
            _text.Append(':');
            // PyYAML does not indent a list under its key.
            Value(value, indent + 2, value is List<object?> ? indent : indent + 2);
        }
    }

    private void List(List<object?> list, int indent)
    {
        var first = true;
        foreach (var item in list)
        {
            Indent(first ? 0 : indent);
            first = false;
            _text.Append('-');
            switch (item)
            {
                case MessagePackMap { Count: > 0 } map:
                    _text.Append(' ');
                    Map(map, indent + 2);
                    break;
                case List<object?> { Count: > 0 } inner:
                    _text.Append(' ');
                    List(inner, indent + 2);
                    break;
                default:
                    Value(item, indent + 2, indent + 2);
                    break;
            }
        }
    }

    private void Value(object? value, int textIndent, int nestedIndent)
    {
        switch (value)
        {
            case MessagePackMap { Count: > 0 } map:
                _text.Append('\n');
                Indent(nestedIndent);
                Map(map, nestedIndent);
                break;
            case List<object?> { Count: > 0 } list:
                _text.Append('\n');
                Indent(nestedIndent);
                List(list, nestedIndent);
                break;
            case string text when CanBeLiteral(text):
                _text.Append(text.EndsWith('\n') ? " |\n" : " |-\n");
                foreach (var line in (text.EndsWith('\n') ? text[..^1] : text).Split('\n'))
                {
                    if (line.Length > 0)
                    {
                        Indent(textIndent);
                        _text.Append(line);
                    }
                    _text.Append('\n');
                }
                break;
            default:
                _text.Append(' ').Append(Inline(value)).Append('\n');
                break;
        }
    }

    private void Indent(int count) => _text.Append(' ', count);

    private static string Inline(object? value) => value switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        long or ulong => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        double number => Float(number),
        byte[] bytes => "!!binary " + (bytes.Length == 0 ? "\"\"" : Convert.ToBase64String(bytes)),
        string text => Scalar(text),
        DateTimeOffset moment => $"'{moment.UtcDateTime:yyyy-MM-ddTHH:mm:ss.FFFFFFF}Z'",
        MessagePackMap => "{}",
        List<object?> => "[]",
        _ => throw new AcctException(AcctFault.BadContent, $"A value of kind '{value}' cannot be written as YAML. Keep it out of the acct file, or write the file with the program that made it."),
    };

    private static string Float(double number)
    {
        if (double.IsNaN(number))
            return ".nan";
        if (double.IsInfinity(number))
            return number > 0 ? ".inf" : "-.inf";
        var text = number.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();
        // YAML 1.1 knows a float by its point, and its exponent by the sign.
        if (!text.Contains('.', StringComparison.Ordinal))
            text = text.Contains('e', StringComparison.Ordinal) ? text.Replace("e", ".0e", StringComparison.Ordinal) : text + ".0";
        return text;
    }

    private static string Scalar(string text)
    {
        if (!text.All(IsPrintable))
            return DoubleQuoted(text);
        return CanBePlain(text) ? text : $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
    }

    private static bool IsPrintable(char c) => c is (>= ' ' and <= '~') or (>= '\xA0' and <= '\uD7FF' and not ('\u2028' or '\u2029')) or (>= '\uE000' and <= '\uFFFD' and not '\uFEFF') || char.IsSurrogate(c);

    private static bool CanBePlain(string text)
    {
        if (text.Length == 0 || text[0] == ' ' || text[^1] is ' ' or ':' || "#,[]{}&*!|>'\"%@`?=<-".Contains(text[0], StringComparison.Ordinal))
        {
            // A word after a single dash is common (flags); a dash alone, or "- ", is a list.
            if (text is not ['-', >= 'a' and <= 'z' or >= 'A' and <= 'Z' or '-', ..] || text[^1] is ' ' or ':' || text.StartsWith("---", StringComparison.Ordinal))
                return false;
        }
        return text[0] != ':' && !text.StartsWith("...", StringComparison.Ordinal)
            && !text.Contains(": ", StringComparison.Ordinal) && !text.Contains(" #", StringComparison.Ordinal)
            && !OtherReaders().IsMatch(text)
            && YamlScalars.Plain(text) is string same && same == text;
    }

    // Lines as they are only if no editor and no reader would change them: nothing unprintable, no blank at the ends of the text or of a line.
    private static bool CanBeLiteral(string text)
    {
        if (!text.Contains('\n', StringComparison.Ordinal) || text[0] is '\n' or ' ' || text is "\n" || text.EndsWith("\n\n", StringComparison.Ordinal))
            return false;
        foreach (var c in text)
        {
            if (!IsPrintable(c) && c is not ('\n' or '\t'))
                return false;
        }
        return !text.Contains(" \n", StringComparison.Ordinal) && !text.Contains("\t\n", StringComparison.Ordinal) && text[^1] is not (' ' or '\t') && text[0] != '\t';
    }

    private static string DoubleQuoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\t' => "\\t",
                '\r' => "\\r",
                '\0' => "\\0",
                _ when IsPrintable(c) => c.ToString(),
                <= '\xFF' => $"\\x{(int)c:X2}",
                _ => $"\\u{(int)c:X4}",
            });
        }
        return quoted.Append('"').ToString();
    }

    // Texts here that are something else to a reader of YAML 1.2, or to one that knows dates.
    [GeneratedRegex(@"^(?:[yYnN]|[-+]?[0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?|0o[0-7]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex OtherReaders();
}
