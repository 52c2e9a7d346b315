using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>Turns a value (see <see cref="Tree"/>) into the text the original prints for it, without the line break behind it.</summary>
internal abstract class Outputter
{
    public static IReadOnlyList<string> Names { get; } = ["json", "yaml", "nested", "pretty", "raw"];

    public static Outputter Create(string name, bool color) => name switch
    {
        "json" => new JsonOutputter(),
        "yaml" => new YamlOutputter(),
        "nested" => new NestedOutputter(color),
        "pretty" => new PrettyOutputter(),
        "raw" => new RawOutputter(),
        _ => throw new ArgumentException($"There is no outputter called '{name}'. Choose one of: {string.Join(", ", Names)}.", nameof(name)),
    };

    public abstract string Format(object? value);
}

/// <summary>What Python's <c>print</c> writes: a text as it is, anything else as its <c>repr</c>.</summary>
internal sealed class RawOutputter : Outputter
{
    public override string Format(object? value) => value as string ?? Tree.Repr(value);
}
