using System.Buffers;

namespace EvBus;

/// <summary>
/// Writes events as lines to a stream that all of its kind share: a batch is one write under one lock, so lines of two lanes never mix. Delivered is what the stream took.
/// </summary>
internal sealed class ConsolePublisher(Stream output, Lock together, bool isCloudEvents) : IPublisher
{
    private readonly ArrayBufferWriter<byte> _lines = new(4096);

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _lines.ResetWrittenCount();
        EventVerdict[]? each = null;
        for (var i = 0; i < batch.Count; i++)
        {
            if (EventLine.Write(batch[i], isCloudEvents, _lines) is { } reason)
                (each ??= new EventVerdict[batch.Count])[i] = new EventVerdict(Verdict.Rejected, reason);
        }
        try
        {
            lock (together)
            {
                output.Write(_lines.WrittenSpan);
                output.Flush();
            }
        }
        catch (IOException e)
        {
            return new(PublishResult.Disconnected($"standard output takes nothing any more: {e.Message}"));
        }
        return new(each is null ? PublishResult.Delivered : PublishResult.Mixed(each));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
