using System.Globalization;
using System.Text;

namespace EvBus.Acct;

/// <summary>Nodes → the tree that acct makes of them: YAML 1.1 scalars, merge keys, and the errors of the original for what it refuses.</summary>
internal sealed class YamlReader
{
    private const string Core = "tag:yaml.org,2002:";

    private readonly YamlLimits _limits;
    private readonly HashSet<YamlMap> _flattened = [];
    private int _nodes;
    private long _characters;

    private YamlReader(YamlLimits limits) => _limits = limits;

    /// <exception cref="YamlSyntaxException">The bytes are not one YAML document within the limits.</exception>
    public static object? Read(ReadOnlySpan<byte> bytes, YamlLimits? limits = null) => Read(Text(bytes), limits);

    /// <exception cref="YamlSyntaxException">The text is not one YAML document within the limits.</exception>
    public static object? Read(string text, YamlLimits? limits = null)
    {
        limits ??= YamlLimits.Default;
        if (text.StartsWith('\uFEFF'))
            text = text[1..];
        var root = YamlComposer.Compose(text, limits);
        return root is null ? null : new YamlReader(limits).Value(root, 0);
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        Encoding encoding = bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) ? new UnicodeEncoding(false, true, true)
            : bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]) ? new UnicodeEncoding(true, true, true)
            : new UTF8Encoding(false, true);
        try
        {
            return encoding.GetString(bytes);
        }
        catch (DecoderFallbackException exception)
        {
            var before = bytes[..Math.Clamp(exception.Index, 0, bytes.Length)];
            var line = before.Count((byte)'\n') + 1;
            throw new YamlSyntaxException(new(line, before.Length - before.LastIndexOf((byte)'\n')), "a byte that is not UTF-8; save the file as UTF-8");
        }
    }

    private object? Value(YamlNode node, int depth)
    {
        if (++_nodes > _limits.MaxNodes)
            throw new YamlSyntaxException(node.Place, $"with its aliases expanded the document has more than {_limits.MaxNodes:N0} values");
        if (node is YamlScalar scalar)
            return Scalar(scalar);
        if (depth >= _limits.MaxDepth)
            throw new YamlSyntaxException(node.Place, $"nested deeper than {_limits.MaxDepth}");
        return (node, node.Tag) switch
        {
            (YamlList list, null or Core + "seq") => list.Items.ConvertAll(item => Value(item, depth + 1)),
            (YamlList list, Core + "omap" or Core + "pairs") => Pairs(list, depth),
            (YamlMap map, null or Core + "map") => Map(map, depth),
            // Python's set has no order of its own; the document's is kept.
            (YamlMap map, Core + "set") => Map(map, depth).Select(pair => pair.Key).ToList(),
            (_, Core + "str" or Core + "int" or Core + "float" or Core + "bool" or Core + "binary" or Core + "null" or Core + "timestamp"
                or Core + "seq" or Core + "map" or Core + "omap" or Core + "pairs" or Core + "set")
                => throw new YamlSyntaxException(node.Place, "a tag that does not fit this kind of value"),
            _ => throw new YamlSyntaxException(node.Place, "a tag that is not known here; if a value begins with '!', quote it"),
        };
    }

    private object? Scalar(YamlScalar scalar)
    {
        _characters += scalar.Text.Length;
        if (_characters > _limits.MaxCharacters)
            throw new YamlSyntaxException(scalar.Place, $"with its aliases expanded the document has more than {_limits.MaxCharacters:N0} characters");
        try
        {
            return scalar.Tag is { } tag ? YamlScalars.Tagged(tag, scalar.Text) : scalar.IsPlain ? YamlScalars.Plain(scalar.Text) : scalar.Text;
        }
        catch (FormatException exception)
        {
            throw new YamlSyntaxException(scalar.Place, exception.Message);
        }
    }

    private MessagePackMap Map(YamlMap node, int depth)
    {
        Flatten(node, depth);
        var map = new MessagePackMap();
        foreach (var (keyNode, valueNode) in node.Pairs)
        {
            var key = Key(keyNode, depth);
            if (!map.TryAdd(key, null))
            {
                var shown = string.Format(CultureInfo.InvariantCulture, "{0}", key);
                throw new YamlSyntaxException(keyNode.Place, $"the key '{(shown.Length > 40 ? shown[..40] + "…" : shown)}' stands twice in the map that begins at {node.Place}");
            }
            map[key] = Value(valueNode, depth + 1);
        }
        return map;
    }

    private object? Key(YamlNode node, int depth) => node switch
    {
        YamlScalar { IsPlain: true, Tag: null, Text: "=" } => "=",
        YamlScalar => Value(node, depth),
        _ => throw new YamlSyntaxException(node.Place, "a list or a map as a key; keys are texts, numbers or truth values"),
    };

    // What << brings comes first, except for keys that the map has itself; of several maps the earlier wins.
    private void Flatten(YamlMap node, int depth)
    {
        if (!node.Pairs.Exists(pair => pair.Key is YamlScalar { IsMergeKey: true }))
            return;
        if (depth >= _limits.MaxDepth || !_flattened.Add(node))
            throw new YamlSyntaxException(node.Place, $"merge keys (<<) nested deeper than {_limits.MaxDepth}, or into themselves");
        var merged = new List<(YamlNode Key, YamlNode Value)>();
        foreach (var (key, value) in node.Pairs.Where(pair => pair.Key is YamlScalar { IsMergeKey: true }))
        {
            foreach (var source in value is YamlList list ? list.Items : [value])
            {
                if (source is not YamlMap map)
                    throw new YamlSyntaxException(key.Place, "'<<' must be followed by a map or a list of maps; quote it if it is a key of your own");
                Flatten(map, depth + 1);
                merged.AddRange(map.Pairs);
                _nodes += map.Pairs.Count;
                if (_nodes > _limits.MaxNodes)
                    throw new YamlSyntaxException(key.Place, $"merge keys bring in more than {_limits.MaxNodes:N0} values");
            }
        }
        node.Pairs.RemoveAll(pair => pair.Key is YamlScalar { IsMergeKey: true });
        var seen = node.Pairs.Select(pair => pair.Key).OfType<YamlScalar>().Select(key => key.Text).ToHashSet(StringComparer.Ordinal);
        merged.RemoveAll(pair => pair.Key is YamlScalar key && !seen.Add(key.Text));
        node.Pairs.InsertRange(0, merged);
        _flattened.Remove(node);
    }

    private List<object?> Pairs(YamlList list, int depth)
    {
        var pairs = new List<object?>(list.Items.Count);
        foreach (var item in list.Items)
        {
            if (item is not YamlMap { Pairs: [var (key, value)] })
                throw new YamlSyntaxException(item.Place, "in a list tagged !!omap or !!pairs each entry is a map of one key");
            pairs.Add(new List<object?> { Key(key, depth + 1), Value(value, depth + 2) });
        }
        return pairs;
    }
}
