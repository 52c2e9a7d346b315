using System.Globalization;
using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;
using EvBus.Tools.Cli.Repairing;

namespace EvBus.Tools.Cli.Commands;

/// <summary>A place in the log as it is said on a command line: a number, a time, <c>oldest</c> or <c>now</c>.</summary>
internal readonly record struct Bound(ulong? Sequence, DateTimeOffset? Time, bool IsOldest, bool IsNow)
{
    public static Bound Parse(string text, string option, DateTimeOffset now)
    {
        if (text.StartsWith('-') && Ago(text[1..]) is { } ago && ago <= now - DateTimeOffset.MinValue)
            return new Bound(null, now - ago, false, false);
        if (text is "oldest" or "now")
            return new Bound(null, null, text == "oldest", text == "now");
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            return new Bound(sequence, null, false, false);
        // A time has a dash and a digit first; else "5" and "3.2" would be times as well.
        if (text.Contains('-', StringComparison.Ordinal)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
        {
            return new Bound(null, time, false, false);
        }
        throw new UsageException($"{option} takes the number of an event, a time such as 2026-01-31T08:00:00Z or -10m (s, m, h, d before now), 'oldest' or 'now'.");
    }

    private static TimeSpan? Ago(string text)
    {
        if (text.Length < 2 || !long.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > 1_000_000_000)
            return null;
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMinutes(count),
            'h' => TimeSpan.FromHours(count),
            'd' when count < 10_000_000 => TimeSpan.FromDays(count),
            _ => null,
        };
    }
}

/// <summary>Which events <c>cat</c> and <c>export</c> are to show.</summary>
internal sealed record EventRange(Bound From, Bound To, string? Lane, string? Profile, long Limit)
{
    public static EventRange Parse(string? from, string? to, string? lane, string? profile, long? limit, DateTimeOffset now)
    {
        if (limit is < 0)
            throw new UsageException("--limit is a number of events, 0 or more.");
        return new EventRange(Bound.Parse(from ?? "oldest", "--from", now), Bound.Parse(to ?? "now", "--to", now), lane, profile, limit ?? long.MaxValue);
    }

    /// <summary>The events, in order. Memory of one is valid until the next is asked for.</summary>
    public IEnumerable<StoredRecord> Read(string directory) => JournalCheck.Look(directory, Open, static _ => true);

    private IEnumerable<StoredRecord> Open(JournalFolder folder)
    {
        var cursor = Lane is null ? null : folder.RequireLane(Lane).Cursor;
        var queue = cursor is null ? null : new LaneQueue(cursor);
        if (queue is { IsCountable: false })
            throw new TroubleException($"What lane '{Lane}' has queued cannot be told: its rule is code, or was not kept (mode spill, not closed in order); only its bus has it.");
        var first = Math.Max(From.Sequence ?? 0, cursor?.Oldest ?? 0);
        var check = JournalCheck.Run(folder, From.IsNow ? ulong.MaxValue : first);
        if (From.IsNow)
            first = check.Scan.End.Sequence;
        return Select(new LogReader(folder, check.Scan).Read(first), queue);
    }

    private static TroubleException Secret() => new($"The journal is encrypted. Set {JournalKey.Variable} to its key, or name the file that holds it: --key-file FILE.");

    private IEnumerable<StoredRecord> Select(IEnumerable<StoredRecord> records, LaneQueue? queue)
    {
        var match = Profile is null ? null : ProfileMatch.Glob(Profile);
        var left = Limit;
        foreach (var record in records)
        {
            if (left == 0 || To.IsOldest || record.Sequence > To.Sequence)
                yield break;
            var accepted = EventCodec.ReadAccepted(record.Bytes.Span);
            if (Filler.Is(record.Bytes.Span) || accepted < From.Time || accepted > To.Time || (queue is not null && !queue.Holds(record)))
                continue;
            if (match is not null && record.IsSecret)
                throw Secret();
            if (match is not null && (EventCodec.FindText(record.Bytes.Span, EventCodec.Tag.Profile) is not { } profile || !match.IsMatch(profile)))
                continue;
            left--;
            if (record.IsSecret)
                throw Secret();
            yield return record;
        }
    }
}
