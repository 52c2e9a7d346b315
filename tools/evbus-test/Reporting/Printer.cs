using System.Buffers;
using System.Text;
using EvBus.Tools.Tester.Outputters;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>
/// Prints what arrives in the internal queue, each event followed by a line of dashes. Writes in large pieces, and what it has as soon as the
/// queue is empty. When the output takes nothing more it goes on taking events, so that the other publishers get theirs.
/// </summary>
internal sealed class Printer(Stream output, IOutputter outputter, Action onClosed) : IDisposable
{
    /// <summary>How many events may be on the bus and not printed; less than the queue holds, so that it is never full.</summary>
    public const int Window = 8_000;

    public const int QueueCapacity = 10_000;

    private const int FlushAt = 64 << 10;

    private static readonly byte[] Rule = [.. Encoding.ASCII.GetBytes('\n' + new string('-', 80) + '\n')];

    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt + 4096);
    private readonly SemaphoreSlim _room = new(Window, Window);
    private bool _isClosed;

    /// <summary>Why the output takes nothing more; null while it does, and when its reader has just gone (<c>| head</c>), which is no trouble.</summary>
    public string? Trouble { get; private set; }

    public ValueTask WaitForRoomAsync(CancellationToken cancellationToken) => _room.Wait(0, CancellationToken.None) ? default : new(_room.WaitAsync(cancellationToken));

    public void Dispose() => _room.Dispose();

    /// <summary>Reads until the bus has stopped and the queue is empty.</summary>
    public async Task RunAsync(InternalQueues queues, string routingKey)
    {
        await using var events = queues.ReadAllAsync(routingKey).GetAsyncEnumerator();
        while (true)
        {
            var next = events.MoveNextAsync();
            if (!next.IsCompleted)
                Flush();
            if (!await next)
                break;
            if (!_isClosed)
                Print(events.Current);
            if (_room.CurrentCount < Window)
                _room.Release();
        }
        Flush();
    }

    private void Print(BusEvent evt)
    {
        string text;
        try
        {
            text = outputter.Format(evt);
        }
        catch (Exception e) when (outputter is not Outputter)
        {
            // A plugin's code. The other publishers get their events all the same.
            Trouble = $"the outputter cannot print event {evt.Attributes.Id}: {e.GetType().Name}: {e.Message} What arrived since is not printed.";
            Flush();
            _isClosed = true;
            onClosed();
            return;
        }
        Encoding.UTF8.GetBytes(text, _buffer);
        _buffer.Write(Rule);
        if (_buffer.WrittenCount >= FlushAt)
            Flush();
    }

    private void Flush()
    {
        try
        {
            if (_buffer.WrittenCount > 0 && !_isClosed)
            {
                output.Write(_buffer.WrittenSpan);
                output.Flush();
            }
        }
        catch (Exception e) when (StandardStreams.IsRefused(e))
        {
            if (e is not IOException io || !IsReaderGone(io))
                Trouble = $"standard output cannot be written: {e.Message.TrimEnd('.')}. What arrived since is not printed; make room, or send the output elsewhere.";
            _isClosed = true;
            onClosed();
        }
        _buffer.ResetWrittenCount();
    }

    // EPIPE, and the two names that Windows has for it.
    public static bool IsReaderGone(IOException e) => e.HResult is 32 or unchecked((int)0x8007006D) or unchecked((int)0x800700E8);
}
