using System.Globalization;

namespace EvBus;

/// <summary>
/// A place in a journal: opaque, ordered within one journal, serializable, never used twice. No arithmetic: what lies
/// between two positions is the journal's affair.
/// </summary>
/// <param name="Epoch">Which opening of the journal it comes from. Later openings are larger.</param>
/// <param name="Offset">Where in that epoch.</param>
public readonly record struct Position(ulong Epoch, ulong Offset) : IComparable<Position>
{
    /// <inheritdoc/>
    public int CompareTo(Position other) => Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Offset.CompareTo(other.Offset);

    /// <summary>Whether <paramref name="left"/> comes before <paramref name="right"/>.</summary>
    public static bool operator <(Position left, Position right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes after <paramref name="right"/>.</summary>
    public static bool operator >(Position left, Position right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> comes before <paramref name="right"/> or is the same.</summary>
    public static bool operator <=(Position left, Position right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> comes after <paramref name="right"/> or is the same.</summary>
    public static bool operator >=(Position left, Position right) => left.CompareTo(right) >= 0;

    /// <summary>The text form, <c>epoch:offset</c> in hexadecimal; <see cref="TryParse"/> reads it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch:x}:{Offset:x}");

    /// <summary>Reads the form that <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string? text, out Position position)
    {
        position = default;
        var colon = text?.IndexOf(':') ?? -1;
        if (colon < 0
            || !ulong.TryParse(text.AsSpan(0, colon), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var epoch)
            || !ulong.TryParse(text.AsSpan(colon + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }
        position = new Position(epoch, offset);
        return true;
    }
}
