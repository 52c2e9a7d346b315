using System.Collections.Concurrent;
using System.Globalization;

namespace EvBus.Ingress.File;

/// <summary>
/// Appends batches to a file. Invariants: <c>_length</c> is the end of the last whole line; a batch is one write behind it, and a write that
/// fails is cut off again before anything else happens, so no line is ever torn for longer than that; what a kill leaves torn is cut at the next connect.
/// </summary>
internal sealed class FilePublisher(IngressContext context, FileIngressOptions options, IFileSystem files) : IPublisher
{
    /// <summary>Which lane of this process writes to which file: two on one would write over each other.</summary>
    private static readonly ConcurrentDictionary<string, FilePublisher> s_owners = new(StringComparer.Ordinal);

    private readonly string _path = Path.GetFullPath(options.Path);
    private readonly LineWriter _writer = new(options.Format);
    private IOpenFile? _file;
    private long _length;
    private DateTimeOffset _begun;

    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Close();
        var owner = s_owners.GetOrAdd(_path, this);
        if (owner != this)
            throw new EvBusException($"{_path} is written by lane {owner.LaneId} already. Give each file profile a path of its own.");
        Open();
        return ValueTask.CompletedTask;
    }

    private string LaneId { get; } = context.LaneId;

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
            if (files.LengthOf(_path) != _length)
                Reopen();
            if (MustRotate(_writer.Lines.Length))
                Rotate();
            _file!.Write(_writer.Lines, _length);
            if (options.Sync == FileSync.Batch)
                _file.Flush();
            _length += _writer.Lines.Length;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EvBusException)
        {
            return new(CutBack(e));
        }
        return new(each is null ? PublishResult.Delivered : PublishResult.Mixed(each));
    }

    public ValueTask DisposeAsync()
    {
        Close();
        s_owners.TryRemove(new KeyValuePair<string, FilePublisher>(_path, this));
        return ValueTask.CompletedTask;
    }

    private void Open()
    {
        if (files.IsDirectory(_path))
            throw new EvBusException($"{_path} is a directory. Name a file in it.");
        try
        {
            _file = files.Open(_path);
            _length = CutTornLine(_file);
            _begun = context.Time.GetUtcNow();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Close();
            throw new EvBusException($"{_path} cannot be written: {e.Message} Check that its folder exists and may be written.", e) { IsTransient = true };
        }
    }

    // Somebody moved it away, replaced or shortened it: what was written is theirs now, the next line begins a file of its own.
    private void Reopen()
    {
        Log.FileChanged(context.Logger, LaneId, _path);
        Close();
        Open();
    }

    private PublishResult CutBack(Exception e)
    {
        try
        {
            if (_file is not null && _file.Length > _length)
                _file.Truncate(_length);
            return _file is null ? PublishResult.Disconnected(e.Message) : PublishResult.Retry($"{_path}: {e.Message}");
        }
        catch (Exception again) when (again is IOException or UnauthorizedAccessException)
        {
            return PublishResult.Disconnected($"{_path}: {e.Message} Nor could the part that was written be cut off: {again.Message}");
        }
    }

    private long CutTornLine(IOpenFile file)
    {
        var length = file.Length;
        var buffer = new byte[64 << 10];
        var end = length;
        while (end > 0)
        {
            var from = Math.Max(0, end - buffer.Length);
            var read = file.Read(buffer.AsSpan(0, (int)(end - from)), from);
            if (buffer.AsSpan(0, read).LastIndexOf((byte)'\n') is >= 0 and var at)
            {
                end = from + at + 1;
                break;
            }
            end = from;
        }
        if (end < length)
        {
            file.Truncate(end);
            Log.TornLineCut(context.Logger, LaneId, _path, length - end);
        }
        return end;
    }

    private bool MustRotate(int more) =>
        _length > 0 && (_length + more > options.RotateBytes || context.Time.GetUtcNow() - _begun >= options.RotateInterval);

    private void Rotate()
    {
        Close();
        var stamp = context.Time.GetUtcNow().ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture);
        // A counter behind the time: several may be rotated within a second, and their names should sort as they were written, also
        // when the first of that second are gone already.
        var last = files.List(Path.GetDirectoryName(_path)!, $"{Path.GetFileName(_path)}.{stamp}.*").Select(rotated => int.Parse(rotated.AsSpan(rotated.LastIndexOf('.') + 1), CultureInfo.InvariantCulture)).DefaultIfEmpty(-1).Max();
        var name = $"{_path}.{stamp}.{last + 1:000000}";
        files.Move(_path, name);
        Log.Rotated(context.Logger, LaneId, _path, name);
        Open();
        if (options.Keep is not { } keep)
            return;
        var rotated = files.List(Path.GetDirectoryName(_path)!, $"{Path.GetFileName(_path)}.*T*.*").Order(StringComparer.Ordinal).ToList();
        foreach (var old in rotated.Take(rotated.Count - keep))
            files.Delete(old);
    }

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }
}
