using System.Buffers;
using EvBus;

namespace PublisherNamespace;

/// <summary>
/// Carries batches to the destination. One call is made at a time; the lane retries, waits, connects again and logs, so nothing of that is in here.
/// What is thrown the lane takes for "not now", and says so.
/// </summary>
public sealed class NdjsonPublisher(NdjsonOptions options) : IPublisher
{
    private readonly ArrayBufferWriter<byte> _lines = new();

    /// <summary>Called before the first batch, and again after Disconnected: open a connection here. A file has none, so this says at the start what is wrong with it.</summary>
    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Open().Dispose();
        return default;
    }

    /// <summary>Delivered means that the destination has acknowledged: here, that the batch is in the file and was written through to the disk.</summary>
    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _lines.ResetWrittenCount();
        var verdicts = new EventVerdict[batch.Count];   // each is Delivered until something else is said
        for (var i = 0; i < batch.Count; i++)
        {
            try
            {
                CloudEventWriter.WriteJson(batch[i], _lines);
                _lines.Write("\n"u8);
            }
            catch (RejectEventException e)
            {
                verdicts[i] = new EventVerdict(Verdict.Rejected, e.Message);   // never: a dead letter
            }
        }
        using var file = Open();   // each time, for somebody may have moved the last one away
        var end = file.Length;
        try
        {
            RandomAccess.Write(file.SafeFileHandle, _lines.WrittenSpan, end);
            RandomAccess.FlushToDisk(file.SafeFileHandle);
            return new(PublishResult.Mixed(verdicts));
        }
        catch (IOException e)
        {
            file.SetLength(end);   // half a batch must not stay: all of it comes again
            return new(PublishResult.Retry(e.Message));
        }
    }

    /// <summary>Close the connection here. May be called twice, and without one.</summary>
    public ValueTask DisposeAsync() => default;

    private FileStream Open()
    {
        var file = new FileStream(options.Path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 1);
        // What a killed process wrote of a line without its end.
        var end = file.Length;
        for (; end > 0; end--)
        {
            file.Position = end - 1;
            if (file.ReadByte() == '\n')
                break;
        }
        if (end < file.Length)
            file.SetLength(end);
        return file;
    }
}
