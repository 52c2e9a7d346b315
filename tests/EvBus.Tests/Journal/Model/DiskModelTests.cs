using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Testing;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Tests.Journal.Model;

/// <summary>
/// Random actions on a journal on disk and on a model made of lists: appending, reading, settling, ticking, being killed, losing power, being opened
/// again. Small files and little memory, so that rolling, leaving memory, reading from disk and deleting happen all the time.
/// 100,000 steps here; EVBUS_MODEL_RUNS (of 250 steps each) for more.
/// </summary>
public class DiskModelTests
{
    public enum Kind { Append, AppendBig, Read, SettleOldest, SettleNewest, Tick, Kill, LosePower, CloseAndOpen, OrphanAndAdopt }

    public sealed record Step(Kind Kind, int Lane, int Amount, int Profile, int Seed);

    private static readonly Gen<Step> s_step =
        from kind in Gen.Frequency(
            (10, Gen.Constant(Kind.Append)), (5, Gen.Constant(Kind.AppendBig)), (10, Gen.Constant(Kind.Read)), (9, Gen.Constant(Kind.SettleOldest)), (3, Gen.Constant(Kind.SettleNewest)),
            (3, Gen.Constant(Kind.Tick)), (1, Gen.Constant(Kind.Kill)), (1, Gen.Constant(Kind.LosePower)), (1, Gen.Constant(Kind.CloseAndOpen)),
            (2, Gen.Constant(Kind.OrphanAndAdopt)))
        from lane in Gen.Choose(0, 2)
        from amount in Gen.Choose(1, 12)
        from profile in Gen.Choose(0, 2)
        from seed in Gen.Choose(0, int.MaxValue)
        select new Step(kind, lane, amount, profile, seed);

    [Theory]
    [InlineData(JournalMode.Disk)]
    [InlineData(JournalMode.Spill)]
    public void The_journal_does_what_a_model_of_lists_does(JournalMode mode) => Check.One(
        ModelRuns.Of(mode == JournalMode.Disk ? 400 : 150),
        Prop.ForAll(s_step.ListOf(250).ToArbitrary(), steps =>
        {
            using var run = new Run(mode);
            foreach (var step in steps)
                run.Do(step);
            run.Finish();
        }));

    private sealed class Run : IJournalListener, IDisposable
    {
        private static readonly string?[] s_profiles = [null, "a", "b"];

        private readonly FakeClock _clock = new();
        private readonly bool _spills;
        private readonly ModelLane[] _lanes = [new("all", null), new("a", "a"), new("b", "b")];
        private readonly List<string?> _events = [];
        private FaultStorage _storage = new();
        private SegmentJournal _journal;
        private int _certain;
        private int _readable;
        private int _holes;
        private ulong _end;

        public Run(JournalMode mode)
        {
            _spills = mode == JournalMode.Spill;
            _journal = Open();
        }

        public void OnRouted(Position position, string[] lanes) { }

        public void OnUnmatched(string? profile) { }

        public void Dispose() => Close();

        public void Do(Step step)
        {
            var lane = _lanes[step.Lane];
            switch (step.Kind)
            {
                case Kind.Append or Kind.AppendBig:
                    for (var i = 0; i < step.Amount; i++)
                        Append(s_profiles[step.Profile], step.Kind == Kind.AppendBig ? 9000 : 10);
                    break;
                case Kind.Read:
                    Appear(step);
                    lane.Read(step.Amount);
                    break;
                case Kind.SettleOldest or Kind.SettleNewest:
                    // What is not certain is counted as well, and the model does not know it yet.
                    Appear(step);
                    lane.Settle(step.Kind == Kind.SettleOldest ? 0 : -1, step.Profile);
                    break;
                case Kind.Tick:
                    Appear(step);
                    _clock.Advance(TimeSpan.FromMilliseconds(100));
                    _clock.Advance(TimeSpan.FromMilliseconds(100));
                    foreach (var each in _lanes)
                        each.Sync();
                    break;
                case Kind.OrphanAndAdopt:
                    // What was appended before is still for it, committed or not.
                    lane.Journal.Orphan();
                    lane.Journal.TryArm(1);
                    Appear(step);
                    lane.Journal.Adopt();
                    break;
                case Kind.Kill:
                    Crash(null);
                    break;
                case Kind.LosePower:
                    Crash(new Random(step.Seed));
                    break;
                default:
                    Close();
                    Reopen(isExact: true);
                    break;
            }
        }

        public void Finish()
        {
            Commit();
            foreach (var lane in _lanes)
            {
                lane.ReadAll();
                lane.SettleAll();
                lane.Compare();
            }
        }

        private void Append(string? profile, int size)
        {
            var body = new byte[size];
            BitConverter.TryWriteBytes(body, _events.Count);
            var attributes = new EventAttributes { Profile = profile };
            var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + size];
            var length = EventCodec.Write(record, attributes, body, Guid.Empty, DateTimeOffset.UnixEpoch, awaited: false);
            Assert.Equal(AppendStatus.Appended, _journal.TryAppend(record.AsSpan(0, length), 1, mayWaitInLine: false).Status);
            _events.Add(profile);
        }

        /// <summary>What was appended can be read: in mode spill at once, else when it is on disk.</summary>
        private void Appear(Step step)
        {
            if (_spills && step.Seed % 5 > 0)
                Become(_events.Count);
            else
                Commit();
        }

        private void Commit()
        {
            _journal.Flush();
            Become(_events.Count);
            _certain = _events.Count;
        }

        /// <summary>So many events can be read.</summary>
        private void Become(int readable)
        {
            for (; _readable < readable; _readable++)
            {
                foreach (var lane in _lanes)
                    lane.Accept(_readable, _events[_readable]);
            }
        }

        private void Crash(Random? chance)
        {
            _storage.CrashAt = _storage.Points;
            var next = _storage.AfterCrash(chance);
            Close();
            _storage = next;
            Reopen(isExact: chance is null && !_spills);
        }

        private void Close() => _journal.DisposeAsync().AsTask().GetAwaiter().GetResult();

        private void Reopen(bool isExact)
        {
            _journal = Open();
            // Of what was not certain a beginning may have got there; after a power failure with holes in it, as the disk writes in any order.
            var (end, certain) = ((int)_end, _certain);
            Assert.InRange(end, certain, _events.Count);
            _events.RemoveRange(end, _events.Count - end);
            foreach (var lane in _lanes)
                lane.Lose(end);
            _readable = Math.Min(_readable, end);
            Become(end);
            _certain = end;
            _holes += _lanes[0].Reopen(isExact, _spills, certain);
            if (!_spills)
                Assert.Equal(end - _holes, _journal.Count().Accepted);
            foreach (var lane in _lanes[1..])
                lane.Reopen(isExact, _spills, certain);
        }

        private SegmentJournal Open()
        {
            var options = new BusOptions { Time = _clock, Journal = new JournalOptions { Mode = _spills ? JournalMode.Spill : JournalMode.Disk, SegmentBytes = 64 << 10, MemoryBytes = 128 << 10, ReserveBytes = 0 } };
            var store = DiskStore.Open(_storage, options.Journal, _clock, "the model", NullLogger.Instance);
            _end = store.End.Sequence;
            var journal = new SegmentJournal(options, this, poison: true, store);
            foreach (var lane in _lanes)
            {
                var filter = new LaneFilter(lane.Id, lane.Pattern is null ? null : ProfileMatch.Glob(lane.Pattern), null, UnaddressedRule.All);
                lane.Journal = journal.OpenLane(new JournalLaneDefinition(lane.Id, filter, new LaneOptions(), lane.Pattern), lane);
            }
            journal.Commence();
            return journal;
        }
    }

    private sealed class ModelLane(string id, string? pattern) : IJournalObserver
    {
        private readonly List<(EventBatch Batch, int[] Numbers)> _underWay = [];
        private readonly SortedSet<int> _matched = [];
        private readonly HashSet<int> _settled = [];
        private HashSet<int> _synced = [];
        private long _forgotten;
        private Queue<int> _unread = new();

        public string Id => id;

        public string? Pattern => pattern;

        public IJournalLane Journal { get; set; } = null!;

        public void Accept(int number, string? profile)
        {
            if (pattern is not null && profile is not null && pattern != profile)
                return;
            _matched.Add(number);
            _unread.Enqueue(number);
        }

        /// <summary>A crash took what comes from here on.</summary>
        public void Lose(int from)
        {
            _matched.RemoveWhere(number => number >= from);
            _settled.RemoveWhere(number => number >= from);
        }

        public bool Read(int amount)
        {
            var batch = new EventBatch();
            if (!Journal.TryRead(batch, amount, long.MaxValue))
            {
                Assert.Empty(_unread);
                return false;
            }
            var numbers = batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)).ToArray();
            Assert.Equal(Enumerable.Range(0, numbers.Length).Select(_ => _unread.Dequeue()), numbers);
            _underWay.Add((batch, numbers));
            return true;
        }

        public void ReadAll()
        {
            while (Read(7))
            {
                // Until there is nothing left.
            }
        }

        public void Settle(int which, int outcome)
        {
            if (_underWay.Count == 0)
                return;
            var at = which < 0 ? _underWay.Count - 1 : 0;
            var (batch, numbers) = _underWay[at];
            _underWay.RemoveAt(at);
            Journal.Settle(batch, 0, batch.Count, outcome == 2 ? LaneOutcome.Dead : LaneOutcome.Delivered, null);
            batch.Close();
            _settled.UnionWith(numbers);
            Compare();
        }

        public void SettleAll()
        {
            while (_underWay.Count > 0)
                Settle(0, 0);
        }

        public void Sync() => _synced = [.. _settled];

        public void Compare()
        {
            var measure = Journal.Measure();
            Assert.Equal((_matched.Count - _forgotten, _settled.Count - _forgotten, _matched.Count - _settled.Count), (measure.Matched, measure.Delivered + measure.Dead, measure.Queued));
        }

        /// <summary>
        /// After a kill exactly what was not settled comes again; after a power failure also what was settled since the last time it was made durable,
        /// and of what was not confirmed some may be missing: how many.
        /// </summary>
        public int Reopen(bool isExact, bool spills, int certain)
        {
            _underWay.Clear();
            _unread = new Queue<int>(_matched.Except(_settled));
            int[] holes = [];
            if (!isExact)
            {
                var queued = Learn();
                holes = [.. _unread.Except(queued)];
                Assert.All(holes, number => Assert.True(number >= certain, $"{number} was confirmed and is lost"));
                _matched.ExceptWith(holes);
                Assert.Subset(_matched.Except(_synced).ToHashSet(), queued);
                _settled.Clear();
                _settled.UnionWith(_matched.Except(queued));
                _unread.Clear();
                // What was only in memory when the process was killed, its counts among it, is in no ledger.
                if (spills)
                    _forgotten = _matched.Count - Journal.Measure().Matched;
            }
            _synced = [.. _settled.Intersect(_synced)];
            Compare();
            return holes.Length;
        }

        public void Wake() { }

        public void OnDropped(long events, string reason, ReadOnlySpan<Position> awaited) => Assert.Fail($"{events} dropped: {reason}");

        public bool OnDeadLettered(EventBatch batch, string reason) => true;

        public void OnLimitReached(LimitPolicy policy, string what) { }

        private HashSet<int> Learn()
        {
            var all = new List<int>();
            while (true)
            {
                var batch = new EventBatch();
                if (!Journal.TryRead(batch, 7, long.MaxValue))
                    break;
                var numbers = batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)).ToArray();
                all.AddRange(numbers);
                _underWay.Add((batch, numbers));
            }
            Assert.Equal(all.Order().Distinct(), all);
            return [.. all];
        }
    }
}
