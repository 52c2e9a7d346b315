using System.Buffers;
using System.Globalization;
using System.Text;
using EvBus.Serializers;

namespace EvBus.Tools.Tester.Values;

/// <summary>
/// The one model the outputters share: null, bool, long, ulong, <see cref="PyInteger"/>, double, string, byte[], <c>List&lt;object?&gt;</c>,
/// and maps as lists of pairs in their order.
/// </summary>
internal static class Tree
{
    private static readonly SearchValues<char> s_lineEnds = SearchValues.Create("\n\r\v\f\u001c\u001d\u001e\u0085\u2028\u2029");

    public static void Write(object? value, ValueSink sink)
    {
        switch (value)
        {
            case List<object?> list:
                sink.BeginList();
                foreach (var item in list)
                    Write(item, sink);
                sink.EndList();
                break;
            case List<KeyValuePair<object, object?>> map:
                sink.BeginMap();
                foreach (var (key, item) in map)
                {
                    sink.Key(key);
                    Write(item, sink);
                }
                sink.EndMap();
                break;
            case PyInteger number:
                sink.Integer(Encoding.ASCII.GetBytes(number.Digits));
                break;
            default:
                ValueWalker.Write(value, typeof(object), sink);
                break;
        }
    }

    /// <summary>Python's <c>repr</c>.</summary>
    public static string Repr(object? value)
    {
        var text = new StringBuilder();
        Write(value, new ReprSink(text));
        return text.ToString();
    }

    /// <summary>The map in the order Python sorts it: by code points. A map whose keys cannot be compared with each other stays as it is.</summary>
    public static IReadOnlyList<KeyValuePair<object, object?>> Sorted(List<KeyValuePair<object, object?>> map)
    {
        if (map.TrueForAll(pair => pair.Key is string))
            return [.. map.OrderBy(pair => (string)pair.Key, CodePointOrder.Instance)];
        if (map.TrueForAll(pair => pair.Key is long or ulong or double or bool))
            return [.. map.OrderBy(pair => Convert.ToDouble(pair.Key, CultureInfo.InvariantCulture))];
        return map;
    }

    /// <summary>Python's <c>str.splitlines</c>.</summary>
    public static List<string> Lines(string text, bool keepEnds = false)
    {
        var lines = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var length = text.AsSpan(start).IndexOfAny(s_lineEnds);
            if (length < 0)
            {
                lines.Add(text[start..]);
                break;
            }
            var end = start + length;
            var next = end + (text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? 2 : 1);
            lines.Add(text[start..(keepEnds ? next : end)]);
            start = next;
        }
        return lines;
    }

    /// <summary>Python's <c>len</c>: in code points.</summary>
    public static int Length(string text)
    {
        var length = text.Length;
        for (var i = 1; i < text.Length; i++)
        {
            if (char.IsSurrogatePair(text[i - 1], text[i]))
                length--;
        }
        return length;
    }

    private sealed class CodePointOrder : IComparer<string>
    {
        public static readonly CodePointOrder Instance = new();

        public int Compare(string? x, string? y)
        {
            var length = Math.Min(x!.Length, y!.Length);
            for (var i = 0; i < length; i++)
            {
                if (x[i] != y[i])
                    return Weight(x[i]) - Weight(y[i]);
            }
            return x.Length - y.Length;
        }

        // Surrogates stand for what comes after the whole basic plane.
        private static int Weight(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
    }
}
