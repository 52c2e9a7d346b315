using System.Text;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>
/// Writes YAML where PyYAML's emitter would: it keeps the column, whether white space came last, and whether only indention came since
/// the line began.
/// </summary>
internal sealed class YamlWriter
{
    private const int BestWidth = 80;
    private const int BestIndent = 2;

    private readonly StringBuilder _out = new();
    private readonly Stack<int?> _indents = new();
    private int? _indent;
    private int _column;
    private bool _whitespace = true;

    public bool IsIndention { get; private set; } = true;

    public void Indent(bool isFlow = false, bool isIndentless = false)
    {
        _indents.Push(_indent);
        if (_indent is null)
            _indent = isFlow ? BestIndent : 0;
        else if (!isIndentless)
            _indent += BestIndent;
    }

    public void Outdent() => _indent = _indents.Pop();

    public string Finish()
    {
        StartLine();
        return _out.ToString();
    }

    public void Indicator(string indicator, bool needsSpace, bool isIndention = false)
    {
        if (needsSpace && !_whitespace)
            Write(" ");
        Write(indicator);
        _whitespace = false;
        IsIndention &= isIndention;
    }

    public void StartLine()
    {
        var indent = _indent ?? 0;
        if (!IsIndention || _column > indent || (_column == indent && !_whitespace))
            Break();
        if (_column < indent)
        {
            _whitespace = true;
            _out.Append(' ', indent - _column);
            _column = indent;
        }
    }

    public void Text(YamlScalar scalar, bool isKey)
    {
        switch (scalar.Style(isKey))
        {
            case ' ': Plain(scalar.Text, !isKey); break;
            case '\'': SingleQuoted(scalar.Text, !isKey); break;
            default: DoubleQuoted(scalar.Text, !isKey); break;
        }
    }

    public void Plain(string text) => Plain([.. text.Select(c => (int)c)], canSplit: false);

    public void Binary(byte[] bytes)
    {
        Indicator("!!binary", true);
        var text = Convert.ToBase64String(bytes);
        if (text.Length == 0)
        {
            Indicator("\"\"", true);
            return;
        }
        Indicator("|", true);
        Break();
        for (var at = 0; at < text.Length; at += 76)
        {
            StartLine();
            _out.Append(text, at, Math.Min(76, text.Length - at));
            Break();
        }
    }

    private void Plain(int[] text, bool canSplit)
    {
        if (!_whitespace)
            Write(" ");
        _whitespace = false;
        IsIndention = false;
        foreach (var (start, end) in Runs(text))
        {
            if (text[start] == ' ' && end - start == 1 && _column > BestWidth && canSplit)
            {
                StartLine();
                _whitespace = false;
                IsIndention = false;
            }
            else
            {
                Write(text, start, end);
            }
        }
    }

    private void SingleQuoted(int[] text, bool canSplit)
    {
        Indicator("'", true);
        foreach (var (start, end) in Runs(text))
        {
            if (YamlScalar.IsBreak(text[start]))
            {
                if (text[start] == '\n')
                    Break();
                for (var i = start; i < end; i++)
                    Break(text[i]);
                StartLine();
            }
            else if (text[start] == ' ' && end - start == 1 && _column > BestWidth && canSplit && start != 0 && end != text.Length)
            {
                StartLine();
            }
            else
            {
                Write(text, start, end, isQuoted: true);
            }
        }
        Indicator("'", false);
    }

    private void DoubleQuoted(int[] text, bool canSplit)
    {
        Indicator("\"", true);
        var start = 0;
        for (var end = 0; end <= text.Length; end++)
        {
            var c = end < text.Length ? text[end] : -1;
            if (c is < ' ' or > '~' or '"' or '\\')
            {
                Write(text, start, end);
                start = Math.Max(start, end);
                if (c >= 0)
                {
                    Write(Escape(c));
                    start = end + 1;
                }
            }
            if (end <= 0 || end >= text.Length - 1 || (c != ' ' && start < end) || _column + (end - start) <= BestWidth || !canSplit)
                continue;
            Write(text, start, end);
            start = Math.Max(start, end);
            Write("\\");
            StartLine();
            _whitespace = false;
            IsIndention = false;
            if (text[start] == ' ')
                Write("\\");
        }
        Indicator("\"", false);
    }

    private static string Escape(int c) => c switch
    {
        0 => "\\0", 7 => "\\a", 8 => "\\b", 9 => "\\t", 10 => "\\n", 11 => "\\v", 12 => "\\f", 13 => "\\r", 27 => "\\e",
        '"' => "\\\"", '\\' => "\\\\", 0x85 => "\\N", 0xa0 => "\\_", 0x2028 => "\\L", 0x2029 => "\\P",
        <= 0xff => $"\\x{c:X2}",
        <= 0xffff => $"\\u{c:X4}",
        _ => $"\\U{c:X8}",
    };

    // Runs of spaces, of breaks, and of everything else.
    private static IEnumerable<(int Start, int End)> Runs(int[] text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = start + 1;
            while (end < text.Length && Kind(text[end]) == Kind(text[start]))
                end++;
            yield return (start, end);
            start = end;
        }
    }

    private static int Kind(int c) => c == ' ' ? 1 : YamlScalar.IsBreak(c) ? 2 : 0;

    private void Break(int with = '\n')
    {
        _whitespace = true;
        IsIndention = true;
        _column = 0;
        _out.Append((char)with);
    }

    private void Write(string text)
    {
        _out.Append(text);
        _column += text.Length;
    }

    private void Write(int[] text, int start, int end, bool isQuoted = false)
    {
        for (var i = start; i < end; i++)
        {
            if (isQuoted && text[i] == '\'')
                Write("'");
            _out.Append((char)text[i]);
            _column++;
        }
    }
}
