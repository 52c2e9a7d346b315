using EvBus.Journal;
using EvBus.Lanes;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Journal.Model;

/// <summary>
/// Random actions on the memory journal and on a model made of lists; after each, every number must be the same and every event read must be the
/// one the model expects. Small limits, so that rolling, filling and dropping happen all the time.
/// </summary>
public class JournalModelTests
{
    private const int MaxEvents = 40;
    private const int MostRanges = 2;

    public enum Kind { Append, AppendBig, Read, SettleOldest, SettleNewest, SettleSome, Open, OpenOldest, Close, Stall, Flow, Detach, Attach, Orphan, Adopt, Arm }

    public sealed record Step(Kind Kind, int Lane, int Amount, int Profile);

    private static readonly Gen<Step> s_step =
        from kind in Gen.Frequency(
            (8, Gen.Constant(Kind.Append)), (2, Gen.Constant(Kind.AppendBig)), (8, Gen.Constant(Kind.Read)), (6, Gen.Constant(Kind.SettleOldest)), (2, Gen.Constant(Kind.SettleNewest)), (4, Gen.Constant(Kind.SettleSome)),
            (1, Gen.Constant(Kind.Open)), (1, Gen.Constant(Kind.OpenOldest)), (1, Gen.Constant(Kind.Close)), (1, Gen.Constant(Kind.Stall)), (1, Gen.Constant(Kind.Flow)),
            (1, Gen.Constant(Kind.Detach)), (1, Gen.Constant(Kind.Attach)), (1, Gen.Constant(Kind.Orphan)), (1, Gen.Constant(Kind.Adopt)), (1, Gen.Constant(Kind.Arm)))
        from lane in Gen.Choose(0, 3)
        from amount in Gen.Choose(1, 12)
        from profile in Gen.Choose(0, 2)
        select new Step(kind, lane, amount, profile);

    [Fact]
    public void The_journal_does_what_a_model_of_lists_does() => Check.One(
        ModelRuns.Of(400),
        Prop.ForAll(s_step.ListOf(250).ToArbitrary(), steps =>
        {
            var run = new Run();
            foreach (var step in steps)
                run.Do(step);
            run.Finish();
        }));

    private sealed class Run : IJournalListener
    {
        private static readonly string?[] s_profiles = [null, "a", "b"];

        private readonly SegmentJournal _journal;
        private readonly ModelLane?[] _lanes = new ModelLane?[4];
        private readonly List<(int Number, string? Profile)> _held = [];
        private int _next;
        private long _accepted;
        private long _unmatched;
        private int _names;

        public Run()
        {
            _journal = new SegmentJournal(new BusOptions { MaxEvents = MaxEvents, MaxBytes = 128 << 10 }, this, poison: true, bounds: new JournalBounds { SettledRanges = MostRanges, SmallestSegment = 4 << 10 });
            _journal.Commence();
        }

        public void OnRouted(Position position, string[] lanes) { }

        public void OnUnmatched(string? profile) { }

        public void Do(Step step)
        {
            var lane = _lanes[step.Lane];
            switch (step.Kind)
            {
                case Kind.Append or Kind.AppendBig:
                    for (var i = 0; i < step.Amount; i++)
                        Append(s_profiles[step.Profile], step.Kind == Kind.AppendBig ? 9000 : 10);
                    break;
                case Kind.Open or Kind.OpenOldest when lane is null:
                    Open(step);
                    break;
                case Kind.Read:
                    lane?.Read(step.Amount);
                    break;
                case Kind.SettleOldest or Kind.SettleNewest:
                    lane?.Settle(step.Kind == Kind.SettleOldest ? 0 : -1, step.Profile);
                    break;
                case Kind.SettleSome when lane is not null:
                    lane.Settle(step.Amount % Math.Max(lane.UnderWay, 1), step.Profile);
                    break;
                case Kind.Close when lane is not null:
                    while (lane.UnderWay > 0)
                        lane.Settle(0, 0);
                    lane.Journal.Forget("removed");
                    _lanes[step.Lane] = null;
                    break;
                case Kind.Stall or Kind.Flow when lane is not null:
                    lane.IsFlowing = step.Kind == Kind.Flow;
                    lane.Journal.SetFlowing(lane.IsFlowing);
                    break;
                case Kind.Detach when lane is not null:
                    lane.IsDetached = !lane.IsOrphaned;
                    lane.Journal.Detach();
                    break;
                case Kind.Attach when lane is not null:
                    lane.IsDetached = false;
                    lane.Miss(_next);
                    lane.Journal.Attach();
                    break;
                case Kind.Orphan when lane is not null:
                    lane.IsDetached = false;
                    lane.Miss(_next);
                    lane.IsOrphaned = true;
                    lane.Journal.Orphan();
                    break;
                case Kind.Adopt when lane is not null:
                    lane.IsOrphaned = false;
                    lane.Miss(_next);
                    lane.Journal.Adopt();
                    break;
                case Kind.Arm when lane is not null:
                    // Arming may only say "nothing there" when the model has nothing unread.
                    if (lane.Journal.TryArm(1))
                        Assert.True(lane.Unread.Count == 0 || lane.IsTooFarAhead, "armed with events unread");
                    break;
                default:
                    break;
            }
            Compare();
        }

        /// <summary>Every lane reads to the end: what arrived, counted by itself, is what was accepted and not given up.</summary>
        public void Finish()
        {
            foreach (var lane in _lanes)
            {
                while (lane is { Unread.Count: > 0 } or { UnderWay: > 0 })
                {
                    lane.Read(7);
                    lane.Settle(0, 0);
                }
                lane?.CompareArrived();
            }
            Compare();
        }

        private void Compare()
        {
            foreach (var each in _lanes)
                each?.Compare();
            var counts = _journal.Count();
            Assert.Equal((_accepted, _unmatched), (counts.Accepted, counts.Unmatched));
        }

        private void Open(Step step)
        {
            // Each opening has a name of its own: a lane that comes back is a new lane.
            var id = $"lane{_names++}";
            var pattern = s_profiles[step.Profile];
            var policy = (step.Amount % 4) switch { 0 => LimitPolicy.DropOldest, 1 => LimitPolicy.DeadLetter, _ => LimitPolicy.Block };
            var options = new LaneOptions { LimitEvents = policy == LimitPolicy.Block ? null : 12, OnLimit = policy, Start = step.Kind == Kind.Open ? LaneStart.Now : LaneStart.Oldest };
            var observer = new ModelLane(pattern);
            var filter = new LaneFilter(id, pattern is null ? null : ProfileMatch.Glob(pattern), null, UnaddressedRule.All);
            observer.Journal = _journal.OpenLane(new JournalLaneDefinition(id, filter, options), observer);
            if (step.Kind == Kind.OpenOldest)
            {
                // What is still held depends on segments; the lane says how much, and it must be the newest.
                var matching = _held.Where(each => observer.Wants(each.Profile)).ToList();
                var matched = (int)observer.Journal.Measure().Matched;
                Assert.InRange(matched, 0, matching.Count);
                observer.Unread.AddRange(matching.TakeLast(matched).Select(each => each.Number));
                observer.Matched = matched;
            }
            _lanes[step.Lane] = observer;
        }

        private void Append(string? profile, int size)
        {
            var body = new byte[size];
            BitConverter.TryWriteBytes(body, _next);
            var attributes = new EventAttributes { Profile = profile };
            var record = new byte[EventCodec.HeaderLength + EventCodec.AttributesBound(attributes) + size];
            var length = EventCodec.Write(record, attributes, body, Guid.Empty, DateTimeOffset.UnixEpoch, awaited: false);
            // Before it is put: its lane's limit may give up this very event.
            var wanted = _lanes.Where(lane => lane is not null && !lane.IsOrphaned && lane.Wants(profile)).ToArray();
            foreach (var lane in wanted)
                lane!.Accept(_next);
            var result = _journal.TryAppend(record.AsSpan(0, length), 1, mayWaitInLine: false);
            if (result.Status != AppendStatus.Appended)
            {
                foreach (var lane in wanted)
                    lane!.TakeBack();
                // Only a lane that flows may close the door, or one whose whole part is under way; never an orphan.
                Assert.Contains(_lanes, lane => lane is { IsOrphaned: false } && (lane.IsFlowing || lane.UnderWay > 0));
                return;
            }
            _accepted++;
            _held.Add((_next, profile));
            if (wanted.Length == 0)
                _unmatched++;
            _next++;
        }
    }

    private sealed class ModelLane(string? pattern) : IJournalObserver
    {
        private readonly List<(EventBatch Batch, int[] Numbers)> _underWay = [];
        private long _delivered;
        private long _dead;
        private long _dropped;
        private long _missed;
        private long _given;
        private long _arrived;
        private readonly List<int> _settled = [];

        public IJournalLane Journal { get; set; } = null!;

        public List<int> Unread { get; } = [];

        public long Matched { get; set; }

        public bool IsFlowing { get; set; } = true;

        public bool IsDetached { get; set; }

        public bool IsOrphaned { get; set; }

        public int UnderWay => _underWay.Count;

        public bool Wants(string? profile) => pattern is null || profile is null || pattern == profile;

        public void Accept(int number)
        {
            Matched++;
            if (IsDetached)
                _missed++;
            else
                Unread.Add(number);
        }

        public void TakeBack()
        {
            Matched--;
            if (IsDetached)
                _missed--;
            else
                Unread.RemoveAt(Unread.Count - 1);
        }

        /// <summary>Whether it has so many runs of settled events beyond the oldest that is not, that it may read no further.</summary>
        public bool IsTooFarAhead
        {
            get
            {
                var open = _underWay.SelectMany(each => each.Numbers).Order().ToArray();
                return open.Length > 0 && _settled.Exists(number => number > open[0]);
            }
        }

        /// <summary>What came before an event and was not for the lane is a run of its own.</summary>
        public void Miss(int before) => _settled.Add(before);

        public void CompareArrived() => Assert.Equal(Matched - _missed - _dropped - _given, _arrived);

        public void Read(int amount)
        {
            var batch = new EventBatch();
            if (!Journal.TryRead(batch, amount, long.MaxValue))
            {
                Assert.True(Unread.Count == 0 || IsTooFarAhead, "nothing to read with events unread");
                return;
            }
            var numbers = batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)).ToArray();
            Assert.Equal(Unread.Take(amount), numbers);
            Unread.RemoveRange(0, numbers.Length);
            _underWay.Add((batch, numbers));
        }

        public void Settle(int which, int outcome)
        {
            if (_underWay.Count == 0)
                return;
            var at = which < 0 ? _underWay.Count - 1 : which;
            var (batch, numbers) = _underWay[at];
            // The memory was not used again while the batch was under way.
            Assert.Equal(numbers, batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)));
            _underWay.RemoveAt(at);
            _settled.AddRange(numbers);
            _arrived += numbers.Length;
            _ = outcome == 0 ? _delivered += numbers.Length : _dead += numbers.Length;
            Journal.Settle(batch, 0, batch.Count, outcome == 0 ? LaneOutcome.Delivered : LaneOutcome.Dead, null);
            batch.Close();
        }

        public void Compare()
        {
            var measure = Journal.Measure();
            Assert.Equal(Matched, measure.Matched);
            Assert.Equal((_delivered, _dead), (measure.Delivered, measure.Dead));
            Assert.Equal(_dropped + _missed, measure.Dropped.Values.Sum());
            Assert.Equal(Unread.Count + _underWay.Sum(each => each.Numbers.Length), measure.Queued);
            Assert.Equal(measure.Matched, measure.Delivered + measure.Dead + measure.Dropped.Values.Sum() + measure.Queued);
        }

        public void Wake() { }

        public void OnDropped(long events, string reason, ReadOnlySpan<Position> awaited)
        {
            if (reason != DropReasons.Overflow)
                return;
            Assert.False(IsFlowing && !IsOrphaned, "a lane that flows lost events");
            _settled.AddRange(Unread.Take((int)events));
            Unread.RemoveRange(0, (int)events);
            _dropped += events;
        }

        public bool TryKeepDead(EventBatch batch, string reason) => true;

        public void OnGivenUp(EventBatch batch, LaneOutcome outcome, string reason)
        {
            var numbers = batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)).ToArray();
            Assert.Equal(Unread.Take(numbers.Length), numbers);
            Unread.RemoveRange(0, numbers.Length);
            _settled.AddRange(numbers);
            if (outcome == LaneOutcome.Dropped)
            {
                _dropped += numbers.Length;
                return;
            }
            _dead += numbers.Length;
            _given += numbers.Length;
        }

        public void OnLost(ulong end, string reason) { }

        public void OnLimitReached(LimitPolicy policy, string what) { }
    }
}
