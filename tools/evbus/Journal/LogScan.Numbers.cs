using EvBus.Journal;

namespace EvBus.Tools.Cli.Journal;

// What number an event behind damage has, and how many were lost where.
internal sealed partial class LogScan
{
    /// <summary>Here the numbers are known again: so are those of the gaps before.</summary>
    private void KnowFrom(long at, ulong sequence)
    {
        Resolve(sequence);
        if (_open.Count > 0)
            (_accepted, _acceptedSince) = (_accepted + _acceptedSince + _open.Sum(gap => gap.Events), 0);
        Know(at, sequence);
    }

    private void Resolve(ulong sequence)
    {
        var lost = (long)(sequence - _known - _whole);
        Share(lost);
        var before = 0L;
        foreach (var gap in _open)
        {
            gap.FirstSequence = _known + gap.WholeBefore + (ulong)before;
            before += gap.Events;
            gap.Commit = new CommitInfo(_groupByte, gap.End, gap.FirstSequence + (ulong)gap.Events, _accepted + (long)gap.WholeBefore + before, _epoch);
            Report(gap);
        }
        if (lost < 0 || (_open.Count == 0 && lost != 0))
        {
            _findings.Add(new("numbers", _file, InFile(_groupByte), 0, Math.Max(0, lost),
                $"the events counted and the numbers they should have differ by {lost}", "restore the file from a backup if there is one; its events are read all the same"));
        }
        foreach (var (at, whole, gaps) in _seen)
            Places[at] = _known + whole + (ulong)_open.Take(gaps).Sum(gap => gap.Events);
    }

    /// <summary>How many of the events lost were in which gap: by what is left of the records' lengths; where that leads nowhere, by size.</summary>
    private void Share(long lost)
    {
        var unknown = new List<Gap>();
        var left = Math.Max(0, lost);
        foreach (var gap in _open)
        {
            gap.Events = _open.Count == 1 ? left : Estimate(gap);
            if (gap.Events < 0)
                unknown.Add(gap);
            else
                left -= gap.Events;
        }
        var bytes = unknown.Sum(gap => gap.Length);
        foreach (var gap in unknown)
        {
            gap.Events = Math.Max(0, gap == unknown[^1] ? left : left * gap.Length / bytes);
            (left, bytes) = (left - gap.Events, bytes - gap.Length);
        }
        if (left != 0 && unknown.Count == 0 && _open.Count > 0)
            _open[^1].Events = Math.Max(0, _open[^1].Events + left);
    }

    private void Report(Gap gap)
    {
        var what = gap.At >= _end ? "no file has this part of the log" : gap.Events == 0 ? "a commit record is damaged" : "records are damaged";
        _findings.Add(new("records", _file, InFile(gap.At), gap.Length, gap.Events, what,
            gap.Events == 0 ? $"{Finding.Repair} writes it again; nothing is lost" : $"{Finding.Repair} keeps the bytes in aside/ and counts the events as dropped: damaged") { Gap = gap });
    }

    private void Know(long at, ulong sequence)
    {
        (_known, _whole, _groupByte) = (sequence, 0, at);
        _open.Clear();
        _seen.Clear();
    }

    private long Estimate(Gap gap)
    {
        var (at, events) = (gap.At, 0L);
        while (at < gap.End && at + EventCodec.HeaderLength <= _end)
        {
            var header = _window.Read(InFile(at), EventCodec.HeaderLength);
            var length = (uint)EventCodec.ReadLength(header);
            if (length < EventCodec.HeaderLength || at + length > gap.End)
                return -1;
            if (!JournalFormat.IsControl(header))
                events++;
            at += length;
        }
        return at == gap.End ? events : -1;
    }
}
