using System.Text;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>
/// Python's <c>pprint.pformat</c>: what fits into 80 columns stays on one line, else one item a line; keys sorted; long texts
/// in pieces, cut after white space. Widths are counted in code points.
/// </summary>
internal sealed class PrettyOutputter : Outputter
{
    private const int Width = 80;

    public override string Format(object? value)
    {
        var target = new StringBuilder();
        Format(Sort(value), 0, 0, 0, target);
        return target.ToString();
    }

    private static void Format(object? value, int indent, int allowance, int level, StringBuilder target)
    {
        var whole = Tree.Repr(value);
        if (Tree.Length(whole) <= Width - indent - allowance)
        {
            target.Append(whole);
            return;
        }
        switch (value)
        {
            case List<object?> list when list.Count > 0: List(list, indent + 1, allowance + 1, level + 1, target); break;
            case List<KeyValuePair<object, object?>> map when map.Count > 0: Map(map, indent + 1, allowance + 1, level + 1, target); break;
            case string text when text.Length > 0: Text(text, indent, allowance, level == 0, target); break;
            case byte[] bytes when bytes.Length > 4: Bytes(bytes, indent, allowance, level == 0, target); break;
            default: target.Append(whole); break;
        }
    }

    private static void List(List<object?> list, int indent, int allowance, int level, StringBuilder target)
    {
        target.Append('[');
        for (var i = 0; i < list.Count; i++)
        {
            if (i > 0)
                target.Append(",\n").Append(' ', indent);
            Format(list[i], indent, i == list.Count - 1 ? allowance : 1, level, target);
        }
        target.Append(']');
    }

    private static void Map(List<KeyValuePair<object, object?>> map, int indent, int allowance, int level, StringBuilder target)
    {
        target.Append('{');
        for (var i = 0; i < map.Count; i++)
        {
            if (i > 0)
                target.Append(",\n").Append(' ', indent);
            var key = Tree.Repr(map[i].Key);
            target.Append(key).Append(": ");
            Format(map[i].Value, indent + Tree.Length(key) + 2, i == map.Count - 1 ? allowance : 1, level, target);
        }
        target.Append('}');
    }

    private static void Text(string text, int indent, int allowance, bool isRoot, StringBuilder target)
    {
        if (isRoot)
            (indent, allowance) = (indent + 1, allowance + 1);
        var room = Width - indent;
        var chunks = new List<string>();
        var lines = Tree.Lines(text, keepEnds: true);
        for (var i = 0; i < lines.Count; i++)
        {
            var isLastLine = i == lines.Count - 1;
            var whole = Tree.Repr(lines[i]);
            if (Tree.Length(whole) <= (isLastLine ? room - allowance : room))
                chunks.Add(whole);
            else
                Split(lines[i], room, isLastLine ? allowance : 0, chunks);
        }
        Join(chunks, indent, isRoot && chunks.Count > 1, target);
    }

    private static void Split(string line, int room, int allowance, List<string> chunks)
    {
        var current = "";
        for (var start = 0; start < line.Length;)
        {
            var end = start;
            while (end < line.Length && !IsSpace(line[end]))
                end++;
            while (end < line.Length && IsSpace(line[end]))
                end++;
            var part = line[start..end];
            start = end;
            if (start == line.Length)
                room -= allowance;
            if (Tree.Length(Tree.Repr(current + part)) > room)
            {
                if (current.Length > 0)
                    chunks.Add(Tree.Repr(current));
                current = part;
            }
            else
            {
                current += part;
            }
        }
        if (current.Length > 0)
            chunks.Add(Tree.Repr(current));
    }

    private static void Bytes(byte[] bytes, int indent, int allowance, bool isRoot, StringBuilder target)
    {
        if (isRoot)
            (indent, allowance) = (indent + 1, allowance + 1);
        var room = Width - indent;
        var chunks = new List<string>();
        var start = 0;
        for (var at = 0; at < bytes.Length; at += 4)
        {
            var end = Math.Min(at + 4, bytes.Length);
            if (at == bytes.Length / 4 * 4)
                room -= allowance;
            if (Tree.Repr(bytes[start..end]).Length <= room)
                continue;
            if (start < at)
                chunks.Add(Tree.Repr(bytes[start..at]));
            start = at;
        }
        chunks.Add(Tree.Repr(bytes[start..]));
        Join(chunks, indent, isRoot, target);
    }

    private static void Join(List<string> chunks, int indent, bool inParentheses, StringBuilder target)
    {
        if (inParentheses)
            target.Append('(');
        for (var i = 0; i < chunks.Count; i++)
        {
            if (i > 0)
                target.Append('\n').Append(' ', indent);
            target.Append(chunks[i]);
        }
        if (inParentheses)
            target.Append(')');
    }

    // Python counts the four separators of ASCII as white space, .NET does not.
    private static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';

    private static object? Sort(object? value) => value switch
    {
        List<object?> list => list.ConvertAll(Sort),
        List<KeyValuePair<object, object?>> map => Tree.Sorted(map).Select(pair => new KeyValuePair<object, object?>(pair.Key, Sort(pair.Value))).ToList(),
        _ => value,
    };
}
