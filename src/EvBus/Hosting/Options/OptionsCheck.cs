namespace EvBus.Hosting;

/// <summary>Everything wrong with a builder, at once.</summary>
internal static class BusOptionsCheck
{
    public static IReadOnlyList<string> Errors(EvBusBuilder builder)
    {
        var options = builder.Options;
        var errors = new List<string>();
        Range(errors, "MaxEvents", options.MaxEvents, 1, 1_000_000_000);
        Range(errors, "MaxBytes", options.MaxBytes, 64 << 10, 1L << 40);
        Range(errors, "MaxEventBytes", options.MaxEventBytes, 1, 1 << 30);
        Range(errors, "StopTimeout", options.StopTimeout, TimeSpan.Zero, TimeSpan.FromDays(1));
        Range(errors, "OrphanRetention", options.OrphanRetention, TimeSpan.Zero, TimeSpan.FromDays(3650));
        if (options.DoorTimeout is { } wait)
            Range(errors, "DoorTimeout", wait, TimeSpan.Zero, TimeSpan.FromDays(1));
        if (string.IsNullOrEmpty(options.Source))
            errors.Add("Source must not be empty: CloudEvents requires one.");
        if (string.IsNullOrEmpty(options.Type))
            errors.Add("Type must not be empty: CloudEvents requires one.");
        CheckJournal(errors, options.Journal);
        errors.AddRange(LaneOptionsCheck.Errors("Lane", options.Lane));
        foreach (var added in builder.Added)
        {
            if (added.Lane is { } lane && lane != options.Lane)
                errors.AddRange(LaneOptionsCheck.Errors(added.Plugin.Name, lane));
            if (added.Pattern is { } pattern)
                CheckPattern(errors, added.Plugin.Name, pattern, options.Matching);
        }
        return errors;
    }

    public static void Range<T>(List<string> errors, string name, T value, T least, T most)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
            errors.Add($"{name} is {value}, but must be {least} to {most}.");
    }

    private static void CheckJournal(List<string> errors, JournalOptions journal)
    {
        if (journal.Mode == JournalMode.Memory)
        {
            if (journal.Retain is not null)
                errors.Add("Journal.Retain needs a journal on disk: memory holds what lanes still have to read, and no more.");
            return;
        }
        if (journal.Retain is { } retain)
            CheckRetention(errors, journal, retain);
        if (string.IsNullOrEmpty(journal.Directory) && journal.Storage is null)
            errors.Add("Journal.Directory is missing: a journal on disk needs a folder.");
        Range(errors, "Journal.SegmentBytes", journal.SegmentBytes, 64 << 10, 4L << 30);
        Range(errors, "Journal.MemoryBytes", journal.MemoryBytes, 1 << 20, 64L << 30);
        if (journal.MaxBytes is { } most)
            Range(errors, "Journal.MaxBytes", most, journal.SegmentBytes, long.MaxValue);
        Range(errors, "Journal.ReserveBytes", journal.ReserveBytes, 0, 1L << 30);
        Range(errors, "Journal.Linger", journal.Linger, TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    private static void CheckRetention(List<string> errors, JournalOptions journal, JournalRetention retain)
    {
        if (retain is { Bytes: null, Age: null })
            errors.Add("Journal.Retain says neither Bytes nor Age: nothing would ever be deleted. Give one of them.");
        if (retain.Bytes is { } bytes)
            Range(errors, "Journal.Retain.Bytes", bytes, 64 << 10, 1L << 50);
        if (retain.Age is { } age)
            Range(errors, "Journal.Retain.Age", age, TimeSpan.FromSeconds(1), TimeSpan.FromDays(3650));
        if (journal.MaxBytes is { } most && (retain.Bytes is null || retain.Bytes + (2 * journal.SegmentBytes) > most))
            errors.Add($"Journal.Retain has to leave room below Journal.MaxBytes ({most}): give it Bytes of at most MaxBytes less two segments ({most - (2 * journal.SegmentBytes)}).");
    }

    private static void CheckPattern(List<string> errors, string publisher, string pattern, ProfileMatching matching)
    {
        try
        {
            Lanes.ProfileMatch.Create(pattern, matching);
        }
        catch (ArgumentException e)
        {
            errors.Add($"The pattern of '{publisher}' is no regular expression: {e.Message}");
        }
    }
}

/// <summary>Everything wrong with a lane's options, at once.</summary>
internal static class LaneOptionsCheck
{
    public static IReadOnlyList<string> Errors(string where, LaneOptions options)
    {
        var errors = new List<string>();
        BusOptionsCheck.Range(errors, $"{where}.BatchEvents", options.BatchEvents, 1, 100_000);
        BusOptionsCheck.Range(errors, $"{where}.BatchBytes", options.BatchBytes, 1, 1L << 30);
        BusOptionsCheck.Range(errors, $"{where}.Linger", options.Linger, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        BusOptionsCheck.Range(errors, $"{where}.CallTimeout", options.CallTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));
        BusOptionsCheck.Range(errors, $"{where}.MaxAbandonedCalls", options.MaxAbandonedCalls, 1, 100);
        BusOptionsCheck.Range(errors, $"{where}.RetryInitial", options.RetryInitial, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));
        BusOptionsCheck.Range(errors, $"{where}.RetryMax", options.RetryMax, options.RetryInitial, TimeSpan.FromDays(1));
        BusOptionsCheck.Range(errors, $"{where}.MaxAttempts", options.MaxAttempts, 1, 1_000_000);
        BusOptionsCheck.Range(errors, $"{where}.DeadLetters", options.DeadLetters, 0, 10_000_000);
        BusOptionsCheck.Range(errors, $"{where}.DeadLetterBytes", options.DeadLetterBytes, 64L << 10, 1L << 50);
        if (options.LimitEvents is { } events)
            BusOptionsCheck.Range(errors, $"{where}.LimitEvents", events, 1, long.MaxValue);
        if (options.LimitBytes is { } bytes)
            BusOptionsCheck.Range(errors, $"{where}.LimitBytes", bytes, 1, long.MaxValue);
        if (options.LimitAge is { } limitAge)
            BusOptionsCheck.Range(errors, $"{where}.LimitAge", limitAge, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(36500));
        if (options.MaxAge is { } maxAge)
            BusOptionsCheck.Range(errors, $"{where}.MaxAge", maxAge, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(36500));
        return errors;
    }
}
