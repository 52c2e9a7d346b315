using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EvBus.Journal;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>A dead letter in a list.</summary>
internal sealed record DeadRow(string Lane, ulong Number, string Id, string Time, int Attempts, string Reason, string? Profile, int BodyBytes);

/// <summary>A dead letter with its event as a structured CloudEvent.</summary>
internal sealed record DeadDetail(string Lane, ulong Number, string Time, int Attempts, string Reason, JsonElement Event);

/// <summary>What <c>replay</c> and <c>purge</c> say.</summary>
internal sealed record DeadReport(string Lane, int Letters, IReadOnlyList<ulong> Numbers, int Left);

/// <summary>Looks at dead letters, and removes them.</summary>
internal static class DeadCommands
{
    private const string Extension = ".dead";

    public static async Task<int> ListAsync(string directory, string? lane, Printer printer)
    {
        var folder = JournalFolder.Open(directory);
        var rows = new List<DeadRow>();
        foreach (var id in lane is null ? Lanes(folder) : [lane])
        {
            foreach (var (number, letter) in Letters(folder, id))
                rows.Add(new DeadRow(id, number, letter.Event.Id ?? "", Printer.Time(letter.Time), letter.Attempts, letter.Reason, letter.Event.Attributes.Profile, letter.Event.Body.Length));
        }
        await printer.PrintAsync<IReadOnlyList<DeadRow>>(rows, Describe);
        return 0;
    }

    public static async Task<int> ShowAsync(string directory, string lane, ulong number, Printer printer)
    {
        var folder = JournalFolder.Open(directory);
        Choose(Numbers(folder, lane), [number], lane);
        var letter = Letters(folder, lane, number).Single().Letter;
        var json = new ArrayBufferWriter<byte>();
        var attributes = letter.Event.Attributes;
        var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + letter.Event.Body.Length];
        var length = EventCodec.Write(record, attributes, letter.Event.Body.Span, Guid.Empty, attributes.Time ?? letter.Time, awaited: false);
        CloudEventWriter.WriteJson(EventBatch.Single(record.AsMemory(0, length))[0], json);
        using var document = JsonDocument.Parse(json.WrittenMemory);
        var detail = new DeadDetail(lane, number, Printer.Time(letter.Time), letter.Attempts, letter.Reason, document.RootElement.Clone());
        await printer.PrintAsync(detail, Describe);
        return 0;
    }

    public static async Task<int> PurgeAsync(string directory, string lane, ulong[] numbers, bool all, Consent consent, Printer printer)
    {
        CheckChoice(numbers, all);
        var folder = JournalFolder.OpenExclusive(directory, out var ownership);
        DeadReport report;
        using (ownership)
        {
            var chosen = Choose(Numbers(folder, lane), all ? null : numbers, lane);
            consent.Ask($"purge {Printer.Plural(chosen.Count, "dead letter")} of lane '{lane}' for good");
            using var file = OpenFile(folder, lane);
            file.Remove(chosen);
            report = new DeadReport(lane, chosen.Count, chosen, file.Letters.Count());
        }
        await printer.PrintAsync(report, what => $"{Printer.Plural(what.Letters, "dead letter")} of lane '{what.Lane}' {(what.Letters == 1 ? "is" : "are")} gone, {what.Left} left; the ledger goes on counting what is gone as dead\n");
        return 0;
    }

    public static void CheckChoice(ulong[] numbers, bool all)
    {
        if (all == (numbers.Length > 0))
            throw new UsageException(all ? "--all and numbers contradict each other." : "Name the numbers of the dead letters, or --all. 'evbus journal dead list' shows them.");
    }

    /// <summary>Those of these numbers, all of them when there are none given.</summary>
    public static IReadOnlyList<ulong> Choose(IReadOnlyList<ulong> letters, ulong[]? numbers, string lane)
    {
        if (numbers is null)
            return letters;
        foreach (var number in numbers)
        {
            if (!letters.Contains(number))
                throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"Lane '{lane}' has no dead letter {number}. 'evbus journal dead list' shows those it has."));
        }
        return [.. letters.Where(numbers.Contains)];
    }

    /// <summary>The numbers of a lane's letters.</summary>
    public static IReadOnlyList<ulong> Numbers(JournalFolder folder, string lane)
    {
        if (!HasFile(folder, lane))
            return [];
        using var file = DeadLetterFile.OpenRead(folder.Storage, lane, folder.Cipher);
        return [.. file.Letters.Select(letter => letter.Number)];
    }

    /// <summary>A lane's letters, read one after the other: together they may be more than memory holds.</summary>
    public static IEnumerable<StoredLetter> Letters(JournalFolder folder, string lane, ulong? only = null)
    {
        if (!HasFile(folder, lane))
            yield break;
        using var file = DeadLetterFile.OpenRead(folder.Storage, lane, folder.Cipher);
        foreach (var (number, _) in file.Letters)
        {
            if ((only is null || only == number) && file.Read(number) is { } letter)
                yield return new StoredLetter(number, letter);
        }
    }

    private static bool HasFile(JournalFolder folder, string lane)
    {
        if (folder.Storage.Exists(DeadLetterFile.NameOf(lane)))
            return true;
        var known = Lanes(folder).Union(folder.Cursors.Select(cursor => cursor.LaneId).OfType<string>()).Select(id => $"'{id}'").ToArray();
        return folder.Cursors.Any(cursor => cursor.LaneId == lane) ? false
            : throw new UsageException($"The journal has no lane '{lane}'. {(known.Length == 0 ? "It has none at all." : $"It has {string.Join(", ", known)}.")}");
    }

    /// <summary>Opens the file for a change. An opening writes it anew without its damaged entries, so those are repaired first.</summary>
    public static DeadLetterFile OpenFile(JournalFolder folder, string lane)
    {
        var name = DeadLetterFile.NameOf(lane);
        if (folder.Storage.Exists(name) && DeadScan.Of(folder.Storage, name) is { } scan && (!scan.HasHeader || scan.Damaged.Count > 0))
            throw new TroubleException($"'{name}' is damaged. See 'evbus journal check', and repair it first: 'evbus journal repair'.");
        return DeadLetterFile.Open(folder.Storage, lane, folder.Cipher);
    }

    private static IEnumerable<string> Lanes(JournalFolder folder) => folder.Storage.List(JournalFormat.DeadFolder).Where(name => name.EndsWith(Extension, StringComparison.Ordinal))
        .Select(name => CursorFile.LaneOf(Path.GetFileNameWithoutExtension(name)) ?? folder.Cursors.Select(cursor => cursor.LaneId).FirstOrDefault(id => id is not null && LaneCursor.FileOf(id) + Extension == name))
        .OfType<string>().Order(StringComparer.Ordinal);

    private static string Describe(IReadOnlyList<DeadRow> rows)
    {
        if (rows.Count == 0)
            return "no dead letters\n";
        var text = new StringBuilder();
        foreach (var row in rows)
            text.Append(CultureInfo.InvariantCulture, $"{row.Lane} {row.Number}: event {row.Id}, {row.Time}, {Printer.Plural(row.Attempts, "attempt")}: {row.Reason.ReplaceLineEndings(" ")}\n");
        return text.ToString();
    }

    private static string Describe(DeadDetail detail)
    {
        var text = new StringBuilder();
        Printer.Row(text, "lane", detail.Lane);
        Printer.Row(text, "number", detail.Number.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "time", detail.Time);
        Printer.Row(text, "attempts", detail.Attempts.ToString(CultureInfo.InvariantCulture));
        Printer.Row(text, "reason", detail.Reason);
        return Printer.Row(text, "event", detail.Event.GetRawText()).ToString();
    }
}
