using System.Collections.Concurrent;
using System.Globalization;
using EvBus.Tools.Tester.Sources;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>Puts events on the bus, in order, and measures a sample of them from there to the last publisher's confirmation. For any number of sources.</summary>
internal sealed class Sender(IEventBus bus, string? profile, long? count, Printer? printer, Receipts? receipts, TimeProvider time)
{
    private const int MaxSamples = 100_000;
    private const int MaxOpen = 64;
    private const int SampleEvery = 16;

    private readonly EventAttributes _plain = new() { Profile = profile };
    private readonly EventAttributes _json = new() { Profile = profile, ContentType = "application/json" };
    private readonly ConcurrentQueue<TimeSpan> _samples = new();
    private long _left = count ?? long.MaxValue;
    private long _sent;
    private int _open;

    public long Sent => Interlocked.Read(ref _sent);

    public bool IsDone => Interlocked.Read(ref _left) <= 0;

    /// <summary>When the first event was put, on the clock's own scale; null before.</summary>
    public long? Began { get; private set; }

    public IReadOnlyList<TimeSpan> Samples => [.. _samples];

    /// <summary>False when all that were asked for are put.</summary>
    /// <exception cref="InputException">The bus refuses the event.</exception>
    public async ValueTask<bool> PutAsync(ReadOnlyMemory<byte> body, bool isJson, CancellationToken cancellationToken)
    {
        if (Interlocked.Decrement(ref _left) < 0)
            return false;
        if (printer is not null)
            await printer.WaitForRoomAsync(cancellationToken);
        Began ??= time.GetTimestamp();
        var sent = Interlocked.Increment(ref _sent);
        if (receipts is not null)
        {
            if (receipts.Trouble is { } trouble)
                throw new InputException(trouble);
            await receipts.PutAsync(bus, new BusEvent(body.ToArray(), isJson ? _json : _plain), cancellationToken);
            return true;
        }
        if ((sent == 1 || sent % SampleEvery == 0 || _open == 0) && _open < MaxOpen && _samples.Count < MaxSamples)
        {
            Interlocked.Increment(ref _open);
            _ = MeasureAsync(bus.PutAsync(new BusEvent(body.ToArray(), isJson ? _json : _plain), Receipt.Delivered(), CancellationToken.None), time.GetTimestamp());
            return true;
        }
        var result = bus.TryPut(body.Span, isJson ? _json : _plain);
        if (result.Refusal == RefusalReason.Full)
            result = await bus.PutAsync(new BusEvent(body.ToArray(), isJson ? _json : _plain), cancellationToken: cancellationToken);
        if (result.IsAccepted)
            return true;
        Interlocked.Decrement(ref _sent);
        throw new InputException(string.Create(CultureInfo.InvariantCulture, $"event {sent} is refused ({result.Refusal}): {result.Reason}"));
    }

    private async Task MeasureAsync(ValueTask<PutResult> put, long began)
    {
        try
        {
            var result = await put;
            if (result.Outcome == PutOutcome.Delivered)
                _samples.Enqueue(time.GetElapsedTime(began));
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}
