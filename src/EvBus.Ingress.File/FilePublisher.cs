using EvBus.Files;

namespace EvBus.Ingress.File;

/// <summary>
/// Appends batches to a file. Invariants: <c>_length</c> is the file's end, and a batch is one write behind it; a write that fails is cut off again before anything else
/// happens, so no line is ever torn for longer than that. Nothing is cut but what is known to be this publisher's: what a kill left torn when its event is written again,
/// all else stays and gets a line break behind it. Connecting changes nothing of a file that is there.
/// </summary>
internal sealed class FilePublisher(IngressContext context, FileIngressOptions options, IFileSystem files) : IPublisher
{
    private readonly string _path = Path.GetFullPath(options.Path);
    private readonly LineWriter _writer = new(options.Format);
    private readonly Rotation _rotation = new(options, files, context.Time, context.Logger, context.LaneId);

    /// <summary>Where the path led when the file was opened; null when this publisher owns none.</summary>
    private string? _target;
    private IOpenFile? _file;
    private FileId? _id;
    private long _length;
    private bool _isOpenEnded;
    private byte[]? _uncut;
    private long _uncutAt;
    private FileId? _uncutIn;

    public string LaneId { get; } = context.LaneId;

    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Close();
        Begin();
        return ValueTask.CompletedTask;
    }

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        _writer.Clear();
        EventVerdict[]? each = null;
        for (var i = 0; i < batch.Count; i++)
        {
            if (_writer.Add(batch[i]) is { } reason)
                (each ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, reason);
        }
        try
        {
            if (_writer.Lines.Length > 0)
                Append(_writer.Lines);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(CutBack($"{_path}: {e.Message}"));
        }
        catch (EvBusException e)
        {
            return new(CutBack(e.Message));
        }
        return new(each is null ? PublishResult.Delivered : PublishResult.Mixed(each));
    }

    public ValueTask DisposeAsync()
    {
        try
        {
            Close();
        }
        finally
        {
            Own(null);
        }
        return ValueTask.CompletedTask;
    }

    private void Append(ReadOnlySpan<byte> lines)
    {
        if (files.Find(_path) is not { } there || there.Length != _length || there.Id != _id)
            Reopen();
        else if (!_file!.TryLock())
            throw WrittenByAnother();
        if (_isOpenEnded)
            CutTornLine(lines);
        if (_rotation.IsDue(_length, lines.Length))
            Rotate();
        if (_isOpenEnded)
            EndLine();
        _file!.Write(lines, _length);
        if (options.Sync == FileSync.Batch)
            _file.Flush();
        _length += lines.Length;
    }

    /// <summary>Finds out where the path leads now, makes that this publisher's own, and opens it.</summary>
    private void Begin()
    {
        try
        {
            Own(files.Resolve(_path));
            Open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Close();
            throw new EvBusException($"{_path} cannot be written: {e.Message} Check that its folder exists and may be written.", e) { IsTransient = true };
        }
        catch (EvBusException)
        {
            Close();
            throw;
        }
    }

    private void Own(string? target)
    {
        if (target == _target)
            return;
        if (_target is not null)
            PathOwners.Release(_target, this);
        _target = null;
        if (target is not null)
            PathOwners.Claim(target, this);
        _target = target;
    }

    private void Open()
    {
        var there = files.Find(_target!);
        if (there?.Kind == FileKind.Directory)
            throw new EvBusException($"{_path} is a directory. Name a file in it.");
        // What the kernel makes up on reading takes writes for commands.
        if (there?.Kind == FileKind.Device || _target!.StartsWith("/proc/", StringComparison.Ordinal) || _target.StartsWith("/sys/", StringComparison.Ordinal))
            throw new EvBusException($"{_path} is no plain file. Name one: lines are cut, moved and read again, which a device cannot do.");
        _file = files.Open(_target);
        if (!_file.TryLock())
            throw WrittenByAnother();
        var state = _file.State;
        // The process that had it may have moved it away between the two calls above.
        if (files.Find(_target)?.Id != state.Id)
            throw new EvBusException($"{_path} was moved while it was opened. It is tried again.") { IsTransient = true };
        _id = state.Id;
        _rotation.Begin(state);
        _length = state.Length;
        _isOpenEnded = LooseEnd.IsThere(_file, _length);
        if (!_isOpenEnded)
            _uncut = null;
        if (there is null && options.Sync == FileSync.Batch)
            files.SyncFolder(Path.GetDirectoryName(_target)!);
    }

    private EvBusException WrittenByAnother()
    {
        Close();
        return new EvBusException($"{_path} is written by another process. Give each process a path of its own, or end that one.") { IsTransient = true };
    }

    // Somebody moved it away, replaced or shortened it: what was written is theirs now, the next line begins a file of its own.
    private void Reopen()
    {
        Log.FileChanged(context.Logger, LaneId, _path);
        Close();
        Begin();
    }

    // Moved while it is open and locked, so that nobody else can take it for the one to write to.
    private void Rotate()
    {
        _rotation.Move(_target!);
        Close();
        Begin();
        _rotation.DeleteOld(_target!);
    }

    private PublishResult CutBack(string reason)
    {
        if (_file is null)
            return PublishResult.Disconnected(reason);
        try
        {
            var end = _file.State.Length;
            if (end > _length && !LooseEnd.IsBeginOf(_file, _length, end, _writer.Lines))
                return PublishResult.Disconnected($"{reason} What stands behind the last line now is not what was written, and stays.");
            if (end > _length)
                _file.Truncate(_length);
            return PublishResult.Retry(reason);
        }
        catch (Exception again) when (again is IOException or UnauthorizedAccessException)
        {
            (_uncut, _uncutAt, _uncutIn) = (_writer.Lines.ToArray(), _length, _id);
            return PublishResult.Disconnected($"{reason} Nor could the part that was written be cut off: {again.Message}");
        }
    }

    // Not before there is something to write: its lines are what proves that the end is ours.
    private void CutTornLine(ReadOnlySpan<byte> lines)
    {
        var isKnown = _uncut is not null && _uncutIn == _id && _uncutAt <= _length && LooseEnd.IsBeginOf(_file!, _uncutAt, _length, _uncut);
        _uncut = null;
        if ((isKnown ? _uncutAt : LooseEnd.BeginOf(_file!, _length, lines)) is not { } begin)
            return;
        _file!.Truncate(begin);
        Log.TornLineCut(context.Logger, LaneId, _path, _length - begin);
        (_length, _isOpenEnded) = (begin, false);
    }

    private void EndLine()
    {
        _file!.Write("\n"u8, _length);
        (_length, _isOpenEnded) = (_length + 1, false);
        Log.LineEnded(context.Logger, LaneId, _path);
    }

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }
}
