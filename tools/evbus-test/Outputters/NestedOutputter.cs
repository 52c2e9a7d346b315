using System.Text;
using System.Text.Unicode;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>A tree for people: keys and rules cyan, texts green, numbers, None and truth values yellow; four columns a level.</summary>
internal sealed class NestedOutputter(bool color) : Outputter
{
    private const string Cyan = "36";
    private const string Green = "32";
    private const string Yellow = "93";

    public override string Format(object? value)
    {
        var lines = new StringBuilder();
        Display(value, 0, "", lines);
        if (lines.Length > 0)
            lines.Length--;
        return lines.ToString();
    }

    private void Display(object? value, int indent, string prefix, StringBuilder lines)
    {
        switch (value)
        {
            case byte[] bytes when Utf8.IsValid(bytes):
                Display(Encoding.UTF8.GetString(bytes), indent, prefix, lines);
                break;
            case byte[]:
                break;
            case string text:
                foreach (var line in Tree.Lines(text))
                {
                    Line(lines, indent, Green, prefix, line);
                    prefix = new string(' ', prefix.Length);
                }
                break;
            case List<object?> list:
                DisplayList(list, indent, lines);
                break;
            case List<KeyValuePair<object, object?>> map:
                if (indent > 0)
                    Line(lines, indent, Cyan, "", "----------");
                foreach (var (key, item) in map)
                {
                    Line(lines, indent, Cyan, prefix, key as string ?? Tree.Repr(key), ":");
                    Display(item, indent + 4, "", lines);
                }
                break;
            default:
                Line(lines, indent, Yellow, prefix, Tree.Repr(value));
                break;
        }
    }

    private void DisplayList(List<object?> list, int indent, StringBuilder lines)
    {
        foreach (var item in list)
        {
            var isList = item is List<object?>;
            if (isList || item is List<KeyValuePair<object, object?>>)
            {
                Line(lines, indent, Green, "", "|_");
                Display(item, indent + 2, isList ? "- " : "", lines);
            }
            else
            {
                Display(item, indent, "- ", lines);
            }
        }
    }

    private void Line(StringBuilder lines, int indent, string paint, string prefix, string text, string suffix = "")
    {
        lines.Append(' ', indent);
        if (color)
            lines.Append("\e[").Append(paint).Append('m');
        lines.Append(prefix).Append(text);
        if (color)
            lines.Append("\e[39m");
        lines.Append(suffix).Append('\n');
    }
}
