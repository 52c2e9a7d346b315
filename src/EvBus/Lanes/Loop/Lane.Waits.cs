using System.Runtime.CompilerServices;
using EvBus.Journal;

namespace EvBus.Lanes;

// How a lane waits: for events, for a batch to fill, for the next try. Always on its session's signal, which anybody may set.
internal sealed partial class Lane
{
    private const int Looks = 16;
    private const int MostLooks = 512;
    private const int SmallBatch = 256;
    private const int WorthReading = 64 << 10;

    private bool _inStream;

    /// <summary>
    /// In the midst of a stream the next event is microseconds away: cheaper to look again than to be woken, and a batch of a few events costs
    /// the producer more (by the locks and cache lines of settling it) than they are worth. So it looks on as long as more keeps coming, for
    /// some microseconds at most.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask GatherAsync()
    {
        var (seen, quiet) = (_journal.UnreadHint, 0);
        for (var i = 0; i < MostLooks && quiet < Looks && seen < WorthReading; i++)
        {
            await Task.Yield();
            var now = _journal.UnreadHint;
            quiet = now == seen ? quiet + 1 : 0;
            seen = now;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WaitForEventsAsync(LaneSession session)
    {
        if (!_journal.TryArm(1))
        {
            // Something lies ahead, though perhaps nothing for this lane; with a linger it is given time to grow.
            if (Options.Linger > TimeSpan.Zero && !_draining)
                await LingerAsync(session).ConfigureAwait(false);
            return;
        }
        await session.Signal.WaitAsync().ConfigureAwait(false);
        if (Options.Linger > TimeSpan.Zero && !_draining)
            await LingerAsync(session).ConfigureAwait(false);
    }

    private async ValueTask LingerAsync(LaneSession session)
    {
        if (_journal.Ahead == 0 || _rotation is not null || _orphaned || !_journal.TryArm(Options.BatchEvents))
            return;
        var timer = Time.CreateTimer(static signal => ((AsyncSignal)signal!).Set(), session.Signal, WholeMilliseconds(Options.Linger), Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
            await session.Signal.WaitAsync().ConfigureAwait(false);
    }

    /// <summary>After a verdict: flows on, or backs off.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishAsync(LaneSession session, TimeSpan? backOff)
    {
        if (backOff is { } wait && wait > TimeSpan.Zero)
            await BackOffAsync(session, wait).ConfigureAwait(false);
    }

    /// <summary>Waits out a back-off; a stop, a pause or an abandonment ends it.</summary>
    private async ValueTask BackOffAsync(LaneSession session, TimeSpan wait)
    {
        var began = Time.GetTimestamp();
        var hurried = _draining;
        var timer = Time.CreateTimer(static signal => ((AsyncSignal)signal!).Set(), session.Signal, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await using (timer.ConfigureAwait(false))
        {
            while (wait - Time.GetElapsedTime(began) is var left && left > TimeSpan.Zero
                && !_stopped && !_paused && !_detached && !_orphaned && _held is null && !MustRotate(session) && !session.IsAbandoned && hurried == _draining)
            {
                // Timers count whole milliseconds and cut off the rest: set anew after each signal, none can come too early and be the last.
                timer.Change(WholeMilliseconds(left), Timeout.InfiniteTimeSpan);
                await session.Signal.WaitAsync().ConfigureAwait(false);
            }
        }
    }

    private static TimeSpan WholeMilliseconds(TimeSpan span) => TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds));

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * Time.TimestampFrequency);
}
