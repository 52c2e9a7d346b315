namespace EvBus.Testing.Tests;

using Make = Func<IngressContext, MemoryDestination, MemoryPublisher>;

/// <summary>For each fact a publisher that breaks it.</summary>
internal static class BrokenPublishers
{
    public static IReadOnlyDictionary<string, Make> All { get; } = new Dictionary<string, Make>
    {
        ["Delivered_means_readable_at_the_destination"] = (c, d) => new Late(c, d),
        ["Events_arrive_in_the_order_of_the_calls"] = (c, d) => new Backwards(c, d),
        ["Attributes_arrive"] = (c, d) => new BodyOnly(c, d),
        ["A_batch_of_one_and_a_batch_of_a_thousand_are_carried"] = (c, d) => new AtMost(c, d),
        ["Every_event_has_a_verdict"] = (c, d) => new TooFew(c, d),
        ["An_event_that_the_destination_refuses_is_rejected_alone"] = (c, d) => new NeverRejects(c, d),
        ["Several_batches_on_their_way_arrive_in_order"] = (c, d) => new Overtaking(c, d),
        ["What_is_prepared_and_not_sent_stays_here_and_can_be_prepared_again"] = (c, d) => new Hasty(c, d),
        ["Publishing_before_connecting_is_an_error_and_no_loss"] = (c, d) => new Unconnected(c, d),
        ["An_empty_body_arrives_as_one_or_is_rejected"] = (c, d) => new SkipsEmpty(c, d),
        ["A_binary_body_arrives_byte_for_byte_or_is_rejected"] = (c, d) => new Text(c, d),
        ["A_body_of_1_MB_arrives_or_is_rejected"] = (c, d) => new CutsOff(c, d),
        ["Unicode_attributes_arrive_as_they_are"] = (c, d) => new Ascii(c, d),
        ["Bodies_are_left_as_they_were"] = (c, d) => new Scribbler(c, d),
        ["Nothing_of_a_batch_is_used_after_its_call"] = (c, d) => new Keeper(c, d),
        ["Nothing_is_lost_when_the_connection_is_cut"] = (c, d) => new Optimist(c, d),
        ["A_connection_that_was_cut_while_idle_is_no_loss"] = (c, d) => new Optimist(c, d),
        ["Refused_credentials_are_said_at_connect"] = (c, d) => new Credulous(c, d),
        ["A_missing_destination_is_said_and_no_event_is_given_up"] = (c, d) => new Credulous(c, d),
        ["A_slow_destination_is_left_when_the_call_is_cancelled"] = (c, d) => new Deaf(c, d),
        ["A_call_that_is_cancelled_already_ends_soon"] = (c, d) => new Hanging(c, d),
        ["No_secret_is_said"] = (c, d) => new Talker(c, d),
        ["Making_one_does_not_connect"] = (c, d) => new Eager(c, d),
        ["Connecting_twice_is_harmless"] = (c, d) => new OnceConnected(c, d),
        ["Trying_the_connection_sends_nothing"] = (c, d) => new Pinging(c, d),
        ["Disposing_twice_is_harmless"] = (c, d) => new OnceDisposed(c, d),
        ["Disposing_without_a_connection_is_harmless"] = (c, d) => new DisposedConnected(c, d),
        ["The_next_instance_goes_on_where_the_last_one_ended"] = (c, d) => new TakesItAlong(c, d),
        ["No_connection_is_left_behind"] = (c, d) => new Leaking(c, d),
        ["No_task_is_left_behind"] = (c, d) => new Ticking(c, d),
        ["A_bus_delivers_all_and_its_ledger_is_even"] = (c, d) => new GivesUp(c, d),
        ["A_bus_loses_nothing_while_connections_are_cut"] = (c, d) => new Optimist(c, d),
    };

    private sealed class Late(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private ReceivedEvent? _held;

        protected override void Store(EventView evt)
        {
            if (_held is not null)
                Destination.Add(_held);
            _held = Received(evt);
        }
    }

    private sealed class Backwards(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            foreach (var evt in batch.Reverse())
                Store(evt);
            return new(PublishResult.Delivered);
        }
    }

    private sealed class BodyOnly(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt) => Destination.Add(new ReceivedEvent(evt.Body.ToArray()));
    }

    private sealed class AtMost(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            batch.Count > 500 ? new(PublishResult.Rejected("too many")) : base.PublishAsync(batch, cancellationToken);
    }

    private sealed class TooFew(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            var count = batch.Count;
            await base.PublishAsync(batch, cancellationToken);
            return count > 1 ? PublishResult.Mixed(new EventVerdict[count - 1]) : PublishResult.Delivered;
        }
    }

    private sealed class NeverRejects(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            (await base.PublishAsync(batch, cancellationToken)).Each is { } each && each.Any(verdict => verdict.Verdict == Verdict.Rejected) ? PublishResult.Retry("not now") : PublishResult.Delivered;
    }

    private sealed class Hasty(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d), IPreparingPublisher
    {
        public PreparedSend Prepare(EventBatch batch)
        {
            foreach (var evt in batch)
                Store(evt);
            return static _ => new(PublishResult.Delivered);
        }
    }

    private sealed class Overtaking(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private readonly Stack<EventBatch> _held = new();

        public override ValueTask<Task<PublishResult>> WriteAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            _held.Push(batch);
            if (_held.Count == 5)
            {
                foreach (var held in _held)
                {
                    foreach (var evt in held)
                        Store(evt);
                }
            }
            return new(Task.FromResult(PublishResult.Delivered));
        }
    }

    private sealed class Unconnected(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            IsConnected ? base.PublishAsync(batch, cancellationToken) : new(PublishResult.Delivered);
    }

    private sealed class SkipsEmpty(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt)
        {
            if (evt.Body.Length > 0)
                base.Store(evt);
        }
    }

    private sealed class Text(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt) => Destination.Add(Received(evt) with { Body = System.Text.Encoding.UTF8.GetBytes(evt.GetText()) });
    }

    private sealed class CutsOff(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt) => Destination.Add(Received(evt) with { Body = evt.Body[..Math.Min(evt.Body.Length, 1000)].ToArray() });
    }

    private sealed class Ascii(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt) => Destination.Add(Received(evt) is var received
            ? received with { Attributes = received.Attributes.ToDictionary(pair => pair.Key, pair => System.Text.Encoding.ASCII.GetString(System.Text.Encoding.ASCII.GetBytes(pair.Value))) }
            : null!);
    }

    private sealed class Scribbler(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt)
        {
            base.Store(evt);
            if (evt.Body.Length > 0 && System.Runtime.InteropServices.MemoryMarshal.TryGetArray(evt.Body, out var segment))
                segment.AsSpan()[0] ^= 0xFF;
        }
    }

    private sealed class Keeper(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        protected override void Store(EventView evt) => Destination.Add(new ReceivedEvent(evt.Body));
    }

    private sealed class Optimist(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            await base.PublishAsync(batch, cancellationToken);
            return PublishResult.Delivered;
        }
    }

    private sealed class Credulous(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask ConnectAsync(CancellationToken cancellationToken) => default;

        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => new(PublishResult.Rejected("the answer was 401"));
    }

    private sealed class Deaf(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => base.PublishAsync(batch, default);
    }

    private sealed class Hanging(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            if (cancellationToken.IsCancellationRequested)
                await new TaskCompletionSource().Task;
            return await base.PublishAsync(batch, cancellationToken);
        }
    }

    private sealed class Talker(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask ConnectAsync(CancellationToken cancellationToken) => Context.Profile!.Name == "nowhere"
            ? throw new EvBusException($"memory://user:{Context.Profile.GetString("password")}@nowhere does not answer.")
            : base.ConnectAsync(cancellationToken);
    }

    private sealed class Eager : MemoryPublisher
    {
        public Eager(IngressContext c, MemoryDestination d) : base(c, d) => d.Connections++;
    }

    private sealed class OnceConnected(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask ConnectAsync(CancellationToken cancellationToken) =>
            IsConnected ? throw new InvalidOperationException("connected already") : base.ConnectAsync(cancellationToken);
    }

    private sealed class Pinging(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask TestAsync(CancellationToken cancellationToken)
        {
            Destination.Add(new ReceivedEvent("ping"u8.ToArray()));
            return default;
        }
    }

    private sealed class OnceDisposed(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private bool _isDisposed;

        public override ValueTask DisposeAsync()
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _isDisposed = true;
            return base.DisposeAsync();
        }
    }

    private sealed class DisposedConnected(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override ValueTask DisposeAsync() => IsConnected ? base.DisposeAsync() : throw new InvalidOperationException("no connection");
    }

    private sealed class TakesItAlong(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private readonly List<ReceivedEvent> _kept = [];

        protected override void Store(EventView evt) => _kept.Add(Received(evt));
    }

    private sealed class Leaking(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            Destination.Connections++;
        }
    }

    private sealed class Ticking(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private ITimer? _timer;

        public override ValueTask ConnectAsync(CancellationToken cancellationToken)
        {
            _timer ??= Context.Time.CreateTimer(_ => GC.KeepAlive(this), null, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
            s_timers.Add(_timer);
            return base.ConnectAsync(cancellationToken);
        }

        private static readonly System.Collections.Concurrent.ConcurrentBag<ITimer> s_timers = [];
    }

    private sealed class GivesUp(IngressContext c, MemoryDestination d) : MemoryPublisher(c, d)
    {
        private int _calls;

        public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
            Interlocked.Increment(ref _calls) > 3 ? new(PublishResult.Rejected("enough")) : base.PublishAsync(batch, cancellationToken);
    }
}
