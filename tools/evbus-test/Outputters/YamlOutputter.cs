using EvBus.Serializers;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>
/// PyYAML's <c>safe_dump(value, default_flow_style=False)</c>: block style, keys sorted, everything beyond ASCII escaped, lines folded behind
/// column 80. Its text ends with a line break of its own.
/// </summary>
internal sealed class YamlOutputter : Outputter
{
    public override string Format(object? value)
    {
        var writer = new YamlWriter();
        Node(writer, value, isValueOfKey: false);
        return writer.Finish();
    }

    private static void Node(YamlWriter writer, object? value, bool isValueOfKey)
    {
        switch (value)
        {
            case List<object?> { Count: 0 }: writer.Indicator("[]", true); break;
            case List<KeyValuePair<object, object?>> { Count: 0 }: writer.Indicator("{}", true); break;
            case List<object?> list:
                writer.Indent(isIndentless: isValueOfKey && !writer.IsIndention);
                foreach (var item in list)
                {
                    writer.StartLine();
                    writer.Indicator("-", true, isIndention: true);
                    Node(writer, item, isValueOfKey: false);
                }
                writer.Outdent();
                break;
            case List<KeyValuePair<object, object?>> map:
                writer.Indent();
                foreach (var (key, item) in Tree.Sorted(map))
                    Pair(writer, key, item);
                writer.Outdent();
                break;
            default:
                Scalar(writer, value, isKey: false);
                break;
        }
    }

    private static void Pair(YamlWriter writer, object key, object? item)
    {
        writer.StartLine();
        if (IsSimple(key))
        {
            Scalar(writer, key, isKey: true);
            writer.Indicator(":", false);
        }
        else
        {
            writer.Indicator("?", true, isIndention: true);
            Scalar(writer, key, isKey: false);
            writer.StartLine();
            writer.Indicator(":", true, isIndention: true);
        }
        Node(writer, item, isValueOfKey: true);
    }

    // 128 less the tag "!!str" that PyYAML counts although it does not write it.
    private static bool IsSimple(object key) => key is not string text
        || (YamlScalar.Analyze(text) is var scalar && scalar.Text.Length is > 0 and < 123 && !scalar.IsMultiline);

    private static void Scalar(YamlWriter writer, object? value, bool isKey)
    {
        writer.Indent(isFlow: true);
        switch (value)
        {
            case string text: writer.Text(YamlScalar.Analyze(text), isKey); break;
            case byte[] bytes: writer.Binary(bytes); break;
            case null: writer.Plain("null"); break;
            case bool truth: writer.Plain(truth ? "true" : "false"); break;
            case double number: writer.Plain(Float(number)); break;
            default: writer.Plain(Tree.Repr(value)); break;
        }
        writer.Outdent();
    }

    private static string Float(double value)
    {
        if (!double.IsFinite(value))
            return double.IsNaN(value) ? ".nan" : value > 0 ? ".inf" : "-.inf";
        var text = PythonText.Float(value);
        // YAML 1.1 reads an exponent without a point as a text.
        return text.Contains('.', StringComparison.Ordinal) ? text : text.Replace("e", ".0e", StringComparison.Ordinal);
    }
}
