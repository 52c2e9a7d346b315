using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace EvBus.Acct;

/// <summary>Text → nodes, with YamlDotNet's event parser. Bounded in depth and number while it reads.</summary>
internal sealed partial class YamlComposer
{
    private readonly Dictionary<string, YamlNode?> _anchors = [];
    private readonly Parser _parser;
    private readonly YamlLimits _limits;
    private int _nodes;

    private YamlComposer(string text, YamlLimits limits)
    {
        _parser = new Parser(new StringReader(text));
        _limits = limits;
    }

    /// <returns>The one document, or null if there is none.</returns>
    /// <exception cref="YamlSyntaxException">It is not YAML, or more than the limits allow.</exception>
    public static YamlNode? Compose(string text, YamlLimits limits)
    {
        CheckCharacters(text);
        var composer = new YamlComposer(text, limits);
        try
        {
            return composer.Document();
        }
        catch (YamlException exception) when (exception.Message.Contains("invalid tab", StringComparison.Ordinal) && Tab().Match(text) is { Success: true } tab)
        {
            // The parser names the map around it.
            var line = text.AsSpan(0, tab.Index).Count('\n') + 1;
            throw new YamlSyntaxException(new(line, tab.Groups[1].Length + 1), "a tab as indentation; indent with spaces");
        }
        catch (YamlException exception)
        {
            // YamlDotNet quotes what it found, and that may be a piece of a password.
            var reason = Quoted().Replace(exception.Message, "'…'").TrimEnd('.');
            throw new YamlSyntaxException(YamlPlace.Of(exception.Start), reason.Length == 0 ? "this is not YAML" : char.ToLowerInvariant(reason[0]) + reason[1..]);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            // YamlDotNet's scanner trips over some broken texts (an open quote in an open list) instead of refusing them.
            var last = composer._parser.Current;
            throw new YamlSyntaxException(last is null ? new(1, 1) : YamlPlace.Of(last.End), "behind this place the text is not YAML: something that was opened is not closed");
        }
    }

    private YamlNode? Document()
    {
        Next();
        Next();
        if (_parser.Current is not DocumentStart)
            return null;
        Next();
        var root = Node(0);
        Next();
        Next();
        if (_parser.Current is DocumentStart second)
            throw new YamlSyntaxException(YamlPlace.Of(second.Start), "a second document begins; an acct file is one document");
        return root;
    }

    // Called with the node's first event current; leaves its last one current.
    private YamlNode Node(int depth)
    {
        var current = _parser.Current!;
        var place = YamlPlace.Of(current.Start);
        if (++_nodes > _limits.MaxNodes)
            throw new YamlSyntaxException(place, $"more than {_limits.MaxNodes:N0} values; this is not a credentials file");
        if (current is AnchorAlias alias)
        {
            return _anchors.TryGetValue(alias.Value.Value, out var named)
                ? named ?? throw new YamlSyntaxException(place, "an alias inside the value that it stands for")
                : throw new YamlSyntaxException(place, "an alias without an anchor; if a value begins with '*', quote it");
        }

        // On some broken texts the parser leaves a value out.
        if (current is not NodeEvent start)
            throw new YamlSyntaxException(place, "a value is missing here");
        var anchor = start.Anchor.IsEmpty ? null : start.Anchor.Value;
        // YamlDotNet takes nearly anything; the original's anchors have these characters only, and a password would become null.
        if (anchor is not null && anchor.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
            throw new YamlSyntaxException(place, "an anchor with a character that is no letter, digit, '-' or '_'; if a value begins with '&', quote it");
        if (anchor is not null && !_anchors.TryAdd(anchor, null))
            throw new YamlSyntaxException(place, "an anchor that was defined before; if a value begins with '&', quote it");
        var tag = start.Tag.IsEmpty || start.Tag.Value == "!" ? null : start.Tag.Value;
        YamlNode node;
        if (start is Scalar scalar)
        {
            // '!' and nothing behind it is a text, as in the original.
            node = new YamlScalar(place, tag, scalar.Value, scalar.Style == ScalarStyle.Plain && !(scalar.Value.Length == 0 && start.Tag is { IsEmpty: false, Value: "!" }));
        }
        else
        {
            if (depth >= _limits.MaxDepth)
                throw new YamlSyntaxException(place, $"nested deeper than {_limits.MaxDepth}");
            node = start is SequenceStart ? List(new YamlList(place, tag), depth + 1) : Map(new YamlMap(place, tag), depth + 1);
        }
        if (anchor is not null)
            _anchors[anchor] = node;
        return node;
    }

    private YamlList List(YamlList list, int depth)
    {
        for (Next(); _parser.Current is not SequenceEnd; Next())
            list.Items.Add(Node(depth));
        return list;
    }

    private YamlMap Map(YamlMap map, int depth)
    {
        for (Next(); _parser.Current is not MappingEnd; Next())
        {
            var key = Node(depth);
            Next();
            map.Pairs.Add((key, Node(depth)));
        }
        return map;
    }

    private void Next()
    {
        if (!_parser.MoveNext())
            throw new YamlSyntaxException(default, "the text ends too early");
    }

    // The set of PyYAML's reader; YamlDotNet lets some of these through, NUL among them.
    private static void CheckCharacters(string text)
    {
        long line = 1, column = 1;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var allowed = c is '\t' or '\n' or '\r' or (>= ' ' and <= '~') or '\x85' or (>= '\xA0' and <= '\uD7FF') or (>= '\uE000' and <= '\uFFFD')
                || (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]));
            if (c == '\uFEFF' && column == 1)
                throw new YamlSyntaxException(new(line, column), "a byte order mark inside the text, as two joined files have; remove it");
            if (!allowed)
                throw new YamlSyntaxException(new(line, column), $"the character U+{(int)c:X4}, which YAML does not allow; in double quotes it can be written with a backslash");
            if (char.IsHighSurrogate(c))
                i++;
            (line, column) = c == '\n' ? (line + 1, 1) : (line, column + 1);
        }
    }

    [GeneratedRegex(@"^( *)\t", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex Tab();

    [GeneratedRegex("'[^']*'|\"[^\"]*\"", RegexOptions.CultureInvariant)]
    private static partial Regex Quoted();
}
