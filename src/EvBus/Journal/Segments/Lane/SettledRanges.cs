namespace EvBus.Journal;

/// <summary>
/// What a lane is through with: everything before <see cref="Oldest"/>, and a few ranges beyond it. Pure; under its lane's lock.
/// Invariants: ranges are disjoint, not adjacent, ordered, and all beyond Oldest.
/// </summary>
internal sealed class SettledRanges(ulong oldest, int limit = SettledRanges.Limit)
{
    /// <summary>How many ranges beyond the cursor there may be before the lane stops reading ahead, unless a test says fewer.</summary>
    public const int Limit = 1024;

    private readonly List<(ulong From, ulong To)> _ranges = [];

    /// <summary>The oldest sequence number not settled.</summary>
    public ulong Oldest { get; private set; } = oldest;

    public int Count => _ranges.Count;

    /// <summary>Whether no more may be read ahead of the cursor.</summary>
    public bool IsFull => _ranges.Count >= limit;

    /// <summary>The ranges before <paramref name="end"/>, as many as a cursor on disk has room for.</summary>
    public IReadOnlyList<(ulong From, ulong To)> Copy(ulong end) =>
        _ranges.Count == 0 ? [] : [.. _ranges.Take(3 * Limit).Where(range => range.From < end).Select(range => (range.From, Math.Min(range.To, end)))];

    /// <summary>All of them.</summary>
    public IReadOnlyList<(ulong From, ulong To)> CopyAll() => _ranges.Count == 0 ? [] : [.. _ranges];

    /// <summary>Begins anew: nothing from here on is settled.</summary>
    public void Reset(ulong oldest)
    {
        Oldest = oldest;
        _ranges.Clear();
    }

    /// <summary>Settles [from, to). Settling twice is harmless.</summary>
    public void Settle(ulong from, ulong to)
    {
        if (to <= Oldest || from >= to)
            return;
        if (from > Oldest)
        {
            Insert(from, to);
            return;
        }
        Oldest = to;
        var passed = 0;
        while (passed < _ranges.Count && _ranges[passed].From <= Oldest)
        {
            Oldest = Math.Max(Oldest, _ranges[passed].To);
            passed++;
        }
        if (passed > 0)
            _ranges.RemoveRange(0, passed);
    }

    private void Insert(ulong from, ulong to)
    {
        // The first range that ends at or behind `from`'s left neighbourhood: mostly the last one.
        var at = _ranges.Count;
        while (at > 0 && _ranges[at - 1].To >= from)
            at--;
        var end = at;
        while (end < _ranges.Count && _ranges[end].From <= to)
        {
            from = Math.Min(from, _ranges[end].From);
            to = Math.Max(to, _ranges[end].To);
            end++;
        }
        if (end > at)
        {
            _ranges[at] = (from, to);
            _ranges.RemoveRange(at + 1, end - at - 1);
        }
        else
        {
            _ranges.Insert(at, (from, to));
        }
    }
}
