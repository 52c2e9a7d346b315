using YamlDotNet.Core;

namespace EvBus.Acct;

/// <summary>A place in a YAML text, counted from 1.</summary>
internal readonly record struct YamlPlace(long Line, long Column)
{
    public static YamlPlace Of(Mark mark) => new(mark.Line, mark.Column);

    public override string ToString() => $"line {Line}, column {Column}";
}

/// <summary>A text is not YAML that acct could have meant. Says where and what, never a value.</summary>
internal sealed class YamlSyntaxException(YamlPlace place, string reason) : Exception($"{place}: {reason}")
{
    public YamlPlace Place { get; } = place;
}

/// <summary>How much a YAML text may ask for.</summary>
internal sealed record YamlLimits
{
    public static YamlLimits Default { get; } = new();

    public int MaxDepth { get; init; } = MessagePackCodec.DefaultMaxDepth;

    /// <summary>Scalars, lists and maps, each alias counted as all that it stands for.</summary>
    public int MaxNodes { get; init; } = 200_000;

    /// <summary>Characters of all scalars, aliases counted likewise.</summary>
    public int MaxCharacters { get; init; } = 16 << 20;
}

// The document as it was written. An alias is the node it names, so that it costs nothing until it is expanded, under the limits.
internal abstract class YamlNode(YamlPlace place, string? tag)
{
    public YamlPlace Place { get; } = place;

    public string? Tag { get; } = tag;
}

internal sealed class YamlScalar(YamlPlace place, string? tag, string text, bool isPlain) : YamlNode(place, tag)
{
    public string Text { get; } = text;

    public bool IsPlain { get; } = isPlain;

    public bool IsMergeKey => IsPlain && Tag is null && Text == "<<";
}

internal sealed class YamlList(YamlPlace place, string? tag) : YamlNode(place, tag)
{
    public List<YamlNode> Items { get; } = [];
}

internal sealed class YamlMap(YamlPlace place, string? tag) : YamlNode(place, tag)
{
    public List<(YamlNode Key, YamlNode Value)> Pairs { get; } = [];
}
