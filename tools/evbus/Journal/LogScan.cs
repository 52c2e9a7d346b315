using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

/// <summary>
/// Reads every record of every file and finds what is not whole. Numbers of events behind damage come from the commit records, which say which
/// number is next; so do the numbers of those lost.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "Each window is disposed by the method that opens it.")]
internal sealed partial class LogScan
{
    private readonly JournalFolder _folder;
    private readonly List<Finding> _findings = [];
    private readonly List<Gap> _open = [];
    private readonly HashSet<long> _asked;
    private readonly long _plainUntil;
    private (long At, long Events) _plain;
    private readonly List<(long At, ulong WholeBefore, int GapsBefore)> _seen = [];
    private ulong _known;
    private ulong _whole;
    private long _groupByte;
    private long _accepted;
    private long _acceptedSince;
    private ulong _epoch;
    private readonly Dictionary<string, (ulong Epoch, long Accepted)> _headers = [];
    private bool _hasHeader;
    private FileWindow _window = null!;
    private string _file = "";
    private long _fileByte;
    private ulong _firstSequence;
    private long _end;

    private LogScan(JournalFolder folder, long? plainUntil, IEnumerable<long> places)
    {
        _folder = folder;
        _plainUntil = plainUntil ?? long.MaxValue;
        _asked = [.. places];
        Arrangement = LogArrangement.Of(folder.Storage);
    }

    public LogArrangement Arrangement { get; }

    public IReadOnlyList<Finding> Findings => _findings;

    public long Events { get; private set; }

    public long Commits { get; private set; }

    /// <summary>Where the log ends: behind its last whole record, or what was confirmed.</summary>
    public (long Byte, ulong Sequence) End { get; private set; }

    public (long Byte, ulong Sequence) First => Arrangement.Files is [var first, ..] ? (first.FirstByte, first.FirstSequence) : End;

    public long Accepted => _accepted + _acceptedSince;

    public ulong Epoch => _epoch;

    /// <summary>What the header of a file should say, by the first commit in it; by what came before where it has none.</summary>
    public (ulong Epoch, long Accepted) HeaderOf(PlacedFile file) => _headers[file.Name];

    /// <summary>The numbers of the records that begin at the places asked for; a place without one is none.</summary>
    public Dictionary<long, ulong> Places { get; } = [];

    /// <param name="folder">The journal.</param>
    /// <param name="confirmed">Up to where the log is known to have been committed, by what has counted it.</param>
    /// <param name="plainUntil">Of an encrypted journal: from which byte on no record may be plain; null when it is not known.</param>
    /// <param name="places">Bytes at which records are said to begin.</param>
    /// <param name="from">The first event that matters: files that end before it are left out.</param>
    public static LogScan Run(JournalFolder folder, (long Byte, ulong Sequence) confirmed, long? plainUntil, IEnumerable<long> places, ulong from = 0)
    {
        var scan = new LogScan(folder, plainUntil, places);
        var files = scan.Arrangement.Files;
        scan.End = confirmed;
        // What cursors know of it may only have been in memory, and went with the process: the log itself says where it ends.
        var counted = folder.MaySkip && !folder.IsClean ? (0, 0) : confirmed;
        for (var i = 0; i < files.Count; i++)
        {
            var next = i + 1 < files.Count ? files[i + 1] : null;
            if (next is not null && next.FirstSequence <= from)
                continue;
            // A file that was ended in front of a gap says itself where it ends, and so does the last one.
            var isEnd = next is null ? counted.Byte > folder.EndOf(files[i]) && folder.MaySkip : next.IsAfterGap;
            var known = isEnd ? (0, 0) : next is not null ? (next.FirstByte, next.FirstSequence) : counted;
            scan.ScanFile(files[i], known, isLast: isEnd || next is null);
        }
        if (folder.MaySkip && confirmed.Byte > scan.End.Byte)
            scan.End = confirmed;
        return scan;
    }

    private void ScanFile(PlacedFile file, (long Byte, ulong Sequence) known, bool isLast)
    {
        using var window = _window = new FileWindow(_folder.Storage.OpenRead(file.Name), file.Mark);
        (_file, _fileByte, _firstSequence) = (file.Name, file.FirstByte, file.FirstSequence);
        var physical = Math.Max(file.FirstByte, file.FirstByte + window.Length - JournalFormat.FileHeaderLength);
        _plain = default;
        (_headers[file.Name], _hasHeader) = ((Math.Max(_epoch, 1), Accepted), false);
        _end = isLast ? physical : Math.Min(physical, known.Byte);
        Know(file.FirstByte, file.FirstSequence);
        TakeHeader(file);
        var checkpoint = _folder.Checkpoint is { } state && state.Byte > file.FirstByte && state.Byte <= known.Byte ? (state.Byte, state.Sequence) : known;
        var at = file.FirstByte;
        while (at < _end)
        {
            // What was confirmed ends at a record.
            if (at == known.Byte)
                KnowFrom(known.Byte, known.Sequence);
            else if (at == checkpoint.Byte)
                KnowFrom(checkpoint.Byte, checkpoint.Sequence);
            var bound = at < checkpoint.Byte ? Math.Min(_end, Math.Min(known.Byte, checkpoint.Byte)) : at < known.Byte ? Math.Min(_end, known.Byte) : _end;
            if (window.RecordAt(InFile(at), InFile(bound)) is > 0 and var length && Take(window.Read(InFile(at), Math.Min(length, JournalFormat.CommitLength)), length, at))
            {
                at += length;
                continue;
            }
            var next = window.NextRecord(InFile(at + 1), InFile(bound));
            if (next < 0 && bound == _end)
                break;
            next = next < 0 ? bound : next - JournalFormat.FileHeaderLength + _fileByte;
            _open.Add(new Gap(at, next, _whole));
            at = next;
        }
        if (at < checkpoint.Byte && checkpoint.Byte < known.Byte)
        {
            _open.Add(new Gap(at, checkpoint.Byte, _whole));
            KnowFrom(at = checkpoint.Byte, checkpoint.Sequence);
        }
        if (at < known.Byte)
        {
            _open.Add(new Gap(at, known.Byte, _whole));
            at = known.Byte;
        }
        if (at == known.Byte)
            KnowFrom(at, known.Sequence);
        if (isLast)
            End = (EndLast(at), _known + _whole);
        (_accepted, _acceptedSince) = (_accepted + _acceptedSince, 0);
        if (_plain.Events > 0)
        {
            _findings.Add(new("plain", file.Name, InFile(_plain.At), 0, _plain.Events, "its records are plain, and were written when the journal was encrypted already: somebody without the key wrote them",
                "find out who may write to the directory; a bus delivers none of them and counts them as dropped: damaged"));
        }
    }

    private void TakeHeader(PlacedFile file)
    {
        if (file.HeaderTrouble is null)
            (_epoch, _accepted, _acceptedSince) = (Math.Max(_epoch, file.Epoch), file.Accepted, 0);
        else
            _findings.Add(new("header", file.Name, 0, JournalFormat.FileHeaderLength, 0, $"{file.HeaderTrouble}; its name is trusted instead", $"{Finding.Repair} writes a new header; nothing is lost"));
        if (file.Name != file.RightName)
            _findings.Add(new("misnamed", file.Name, 0, 0, 0, $"its header says that it is '{file.RightName}'", $"{Finding.Repair} gives it its name back; nothing is lost"));
    }

    private long InFile(long at) => at - _fileByte + JournalFormat.FileHeaderLength;

    /// <summary>Behind what was confirmed: damage without a commit behind it is the torn tail.</summary>
    private long EndLast(long at)
    {
        var torn = _open.Count > 0 ? _open[0].At : at;
        if (_open.Count > 0)
            _whole = _open[0].WholeBefore;
        _open.Clear();
        _seen.RemoveAll(seen => seen.GapsBefore > 0);
        var used = _window.EndOfUse(InFile(torn), InFile(_end)) - JournalFormat.FileHeaderLength + _fileByte;
        if (used > torn && _folder.Owner is null)
        {
            _findings.Add(new("tail_uncertain", _file, InFile(torn), used - torn, 0, "the last bytes were never confirmed and are torn, as a process that was killed leaves them",
                "nothing: the next opening keeps them in aside/ and goes on", IsDamage: false));
        }
        Resolve(_known + _whole);
        return torn;
    }

    /// <summary>Counts a whole record; false when it is a commit that does not belong here.</summary>
    private bool Take(ReadOnlySpan<byte> record, int length, long at)
    {
        if (_asked.Contains(at))
            _seen.Add((at, _whole, _open.Count));
        if (!JournalFormat.IsControl(record))
        {
            _whole++;
            Events++;
            if (at >= _plainUntil && (EventCodec.ReadFlags(record) & EventCodec.RecordFlags.Encrypted) == 0 && !Repairing.Filler.Is(record))
                _plain = (_plain.Events == 0 ? at : _plain.At, _plain.Events + 1);
            if ((EventCodec.ReadFlags(record) & EventCodec.RecordFlags.ForLane) == 0)
                _acceptedSince++;
            return true;
        }
        var commit = JournalFormat.ReadCommit(record);
        if (commit.EndByte != at + length)
            return false;
        Commits++;
        if (!_hasHeader)
            (_headers[_file], _hasHeader) = ((commit.Epoch, commit.Accepted - (long)(commit.NextSequence - _firstSequence)), true);
        KnowFrom(commit.EndByte, commit.NextSequence);
        (_epoch, _accepted, _acceptedSince) = (Math.Max(_epoch, commit.Epoch), commit.Accepted, 0);
        return true;
    }
}
