using EvBus.Testing;

namespace EvBus.Ingress.RabbitMq.Tests;

public sealed class ConfirmRingTests
{
    private readonly FakeClock _clock = new();
    private readonly WindowTuner _tuner = new(isStrict: false);

    private ConfirmRing Ring() => new(_clock, _tuner);

    private static PendingBatch Write(ConfirmRing ring, int count, int written = int.MaxValue)
    {
        var batch = new PendingBatch(count);
        Assert.True(ring.Begin(batch));
        for (var i = 0; i < Math.Min(count, written); i++)
            Assert.True(ring.Add($"id{i}", "key", 10 + i));
        if (written >= count)
            ring.End();
        return batch;
    }

    private static async Task<Verdict[]> Verdicts(PendingBatch batch, int count)
    {
        var result = await batch.Result.WaitAsync(TimeSpan.FromSeconds(10));
        return result.Each?.Select(each => each.Verdict).ToArray() ?? [.. Enumerable.Repeat(result.Verdict, count)];
    }

    [Fact]
    public async Task One_cumulative_confirmation_settles_all_before_it()
    {
        var ring = Ring();
        var (one, two) = (Write(ring, 3), Write(ring, 3));
        Assert.True(ring.Confirm(4, multiple: true, isAck: true));
        Assert.Equal(PublishResult.Delivered, await one.Result);
        Assert.False(two.Result.IsCompleted);
        Assert.Equal(2, ring.Outstanding);
        Assert.True(ring.Confirm(6, multiple: true, isAck: true));
        Assert.Equal(PublishResult.Delivered, await two.Result);
    }

    [Fact]
    public async Task Confirmations_out_of_order_and_twice_settle_each_event_once()
    {
        var ring = Ring();
        var batch = Write(ring, 3);
        foreach (ulong tag in new[] { 3, 3, 1, 1, 3 })
            Assert.True(ring.Confirm(tag, multiple: false, isAck: true));
        Assert.False(batch.Result.IsCompleted);
        Assert.True(ring.Confirm(2, multiple: false, isAck: true));
        Assert.True(ring.Confirm(2, multiple: true, isAck: true));
        Assert.Equal(PublishResult.Delivered, await batch.Result);
        Assert.Equal(0, ring.Outstanding);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_confirmation_of_what_was_never_sent_is_noticed(ulong tag)
    {
        var ring = Ring();
        var batch = Write(ring, 3);
        Assert.False(ring.Confirm(tag, multiple: true, isAck: true));
        Assert.False(batch.Result.IsCompleted);
    }

    [Fact]
    public async Task One_nack_concerns_one_event_and_many_concern_many()
    {
        var ring = Ring();
        var (one, two) = (Write(ring, 3), Write(ring, 3));
        ring.Confirm(2, multiple: false, isAck: false);
        ring.Confirm(3, multiple: true, isAck: true);
        Assert.Equal([Verdict.Delivered, Verdict.Retry, Verdict.Delivered], await Verdicts(one, 3));
        ring.Confirm(6, multiple: true, isAck: false);
        var result = await two.Result;
        // A verdict on the whole batch uses up no attempt: a full queue is no fault of the events.
        Assert.Equal((Verdict.Retry, true), (result.Verdict, result.Each is null));
    }

    [Fact]
    public async Task What_comes_back_is_rejected_at_its_confirmation_by_id_and_key()
    {
        var ring = Ring();
        var batch = Write(ring, 3);
        ring.Return("id1", "other key", _ => ("wrong", false));
        ring.Return("unknown", "key", _ => ("wrong", false));
        ring.Return("id1", "key", _ => ("unroutable", false));
        ring.Confirm(3, multiple: true, isAck: true);
        Assert.Equal([Verdict.Delivered, Verdict.Rejected, Verdict.Delivered], await Verdicts(batch, 3));
        Assert.Equal("unroutable", (await batch.Result).Each![1].Reason);
    }

    [Fact]
    public async Task When_the_channel_goes_what_was_confirmed_stays_delivered()
    {
        var ring = Ring();
        var (one, two) = (Write(ring, 3), Write(ring, 2));
        ring.Confirm(2, multiple: false, isAck: true);
        ring.Fail("gone", null);
        Assert.Equal([Verdict.Disconnected, Verdict.Delivered, Verdict.Disconnected], await Verdicts(one, 3));
        Assert.Equal(PublishResult.Disconnected("gone"), await two.Result);
        Assert.False(ring.Begin(new PendingBatch(1)));
        Assert.True(ring.Confirm(3, multiple: true, isAck: true));
    }

    [Fact]
    public async Task An_event_that_is_too_large_takes_no_other_with_it()
    {
        var ring = Ring();
        var batch = Write(ring, 3);
        ring.Fail("closed by 406", maxLength: 11);
        Assert.Equal([Verdict.Disconnected, Verdict.Disconnected, Verdict.Rejected], await Verdicts(batch, 3));
    }

    [Fact]
    public async Task While_the_writer_reads_its_batch_nobody_else_gives_the_rest_its_verdict()
    {
        var ring = Ring();
        var batch = Write(ring, 3, written: 1);
        ring.Fail("gone", null);
        Assert.False(batch.Result.IsCompleted);
        Assert.False(ring.Add("id1", "key", 1));
        Assert.Equal(PublishResult.Disconnected("gone"), await batch.Result);
    }

    [Fact]
    public async Task While_the_writer_hangs_in_the_client_the_batch_gets_its_verdict_without_it()
    {
        var ring = Ring();
        var batch = Write(ring, 3, written: 1);
        Assert.True(ring.Leave(forRoom: false).IsCompleted);
        ring.Fail("gone", null);
        Assert.Equal(PublishResult.Disconnected("gone"), await batch.Result);
        Assert.False(ring.Enter());
    }

    [Fact]
    public async Task A_full_window_makes_the_writer_wait_until_there_is_room_for_several()
    {
        var ring = Ring();
        Write(ring, WindowTuner.Least + 1, written: WindowTuner.Least);
        Assert.True(ring.MustWait);
        var room = ring.Leave(forRoom: true);
        // Neither so quick that the window grows nor so slow that it shrinks.
        _clock.Advance(TimeSpan.FromMilliseconds(100));
        ring.Confirm(1, multiple: false, isAck: true);
        Assert.False(room.IsCompleted);
        ring.Confirm(WindowTuner.Least / 2, multiple: true, isAck: true);
        await room.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(ring.Enter());
        Assert.False(ring.MustWait);
    }

    [Fact]
    public async Task Held_nothing_goes_out_and_the_silence_does_not_count_after_it()
    {
        var ring = Ring();
        Write(ring, 3, written: 1);
        ring.Hold(true);
        Assert.True(ring.MustWait);
        var room = ring.Leave(forRoom: true);
        _clock.Advance(TimeSpan.FromHours(1));
        ring.Hold(false);
        await room.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(TimeSpan.Zero, ring.Silence?.Span);
    }

    [Fact]
    public void Silence_is_measured_from_the_last_confirmation_and_only_while_something_is_outstanding()
    {
        var ring = Ring();
        Assert.Null(ring.Silence);
        Write(ring, 2);
        _clock.Advance(TimeSpan.FromSeconds(4));
        ring.Confirm(1, multiple: false, isAck: true);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), ring.Silence?.Span);
        ring.Confirm(2, multiple: false, isAck: true);
        Assert.Null(ring.Silence);
    }

    [Fact]
    public void The_window_grows_while_confirmations_are_quick_and_it_is_full_and_shrinks_when_they_are_slow()
    {
        var ring = Ring();
        ulong tag = 0;
        void Round(int count, TimeSpan latency)
        {
            Write(ring, count);
            _clock.Advance(latency);
            ring.Confirm(tag += (ulong)count, multiple: true, isAck: true);
        }
        Round(10, TimeSpan.FromMilliseconds(1));
        Assert.Equal(WindowTuner.Least, _tuner.Window);
        for (var i = 0; i < 10; i++)
            Round(_tuner.Window, TimeSpan.FromMilliseconds(1));
        Assert.Equal(WindowTuner.Most, _tuner.Window);
        for (var i = 0; i < 10; i++)
            Round(10, TimeSpan.FromSeconds(1));
        Assert.Equal(WindowTuner.Least, _tuner.Window);
    }

    [Fact]
    public async Task Tags_go_round_the_ring_many_times()
    {
        var ring = Ring();
        ulong tag = 0;
        for (var i = 0; i < 1000; i++)
        {
            var batch = Write(ring, 64);
            ring.Confirm(tag += 64, multiple: true, isAck: true);
            Assert.Equal(PublishResult.Delivered, await batch.Result);
        }
    }
}
