using EvBus.Journal;
using EvBus.Lanes;
using EvBus.Testing;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Journal.Model;

/// <summary>
/// Random actions on a journal on disk and on a model made of lists: appending, reading, settling, ticking, being killed, losing power, being opened
/// again, being opened with a bit flipped somewhere, sending a lane back. Small files and little memory, so that rolling, leaving memory, reading from disk, deleting and using files again happen all the time.
/// 100,000 steps here; EVBUS_MODEL_RUNS (of 250 steps each) for more.
/// </summary>
public class DiskModelTests
{
    public enum Kind { Append, AppendBig, Read, SettleOldest, SettleNewest, Tick, Kill, LosePower, CloseAndOpen, OrphanAndAdopt, Corrupt, Rewind, CatchUp }

    public sealed record Step(Kind Kind, int Lane, int Amount, int Profile, int Seed);

    private static readonly Gen<Step> s_step =
        from kind in Gen.Frequency(
            (10, Gen.Constant(Kind.Append)), (5, Gen.Constant(Kind.AppendBig)), (10, Gen.Constant(Kind.Read)), (9, Gen.Constant(Kind.SettleOldest)), (3, Gen.Constant(Kind.SettleNewest)),
            (3, Gen.Constant(Kind.Tick)), (1, Gen.Constant(Kind.Kill)), (1, Gen.Constant(Kind.LosePower)), (1, Gen.Constant(Kind.CloseAndOpen)),
            (2, Gen.Constant(Kind.OrphanAndAdopt)), (1, Gen.Constant(Kind.Corrupt)), (2, Gen.Constant(Kind.Rewind)), (2, Gen.Constant(Kind.CatchUp)))
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
            using var run = new Run(mode, retains: steps.Count > 0 && steps[0].Seed % 2 == 0);
            foreach (var step in steps)
                run.Do(step);
            run.Finish();
        }));

    private sealed class Run : IJournalListener, IDisposable
    {
        private static readonly string?[] s_profiles = [null, "a", "b"];

        private readonly FakeClock _clock = new();
        private readonly bool _spills;
        private readonly bool _retains;
        private readonly HashSet<int> _damaged = [];
        private readonly Dictionary<string, (byte[] Rotten, byte[] Whole)> _rotten = [];
        private SaidLog _said = new();
        private readonly ModelLane[] _lanes = [new("all", null), new("a", "a"), new("b", "b")];
        private readonly List<string?> _events = [];
        private FaultStorage _storage = new();
        private SegmentJournal _journal;
        private int _certain;
        private int _readable;
        private int _holes;
        private ulong _end;
        private long _endByte;

        public Run(JournalMode mode, bool retains)
        {
            _spills = mode == JournalMode.Spill;
            _retains = retains;
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
                case Kind.CatchUp or Kind.Tick:
                    Appear(step);
                    if (step.Kind == Kind.CatchUp)
                        Array.ForEach(_lanes, static each => each.CatchUp());
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
                case Kind.Corrupt:
                    Close();
                    Become(_events.Count);
                    Corrupt(new Random(step.Seed));
                    break;
                case Kind.Rewind:
                    Commit();
                    if (!_spills)
                        lane.Rewind(_journal.End.Epoch, [.. Kept().Except(_damaged)], new Random(step.Seed));
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
                lane.Compare(isThrough: true);
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

        /// <summary>The events that are on disk. A file that was deleted before a power failure may be there again, and the one behind it not.</summary>
        private IEnumerable<int> Kept()
        {
            var names = _storage.Files.Keys.Where(IsLog).Order(StringComparer.Ordinal).ToArray();
            for (var i = 0; i < names.Length; i++)
            {
                var (from, to) = (Sequence(names[i]), i + 1 < names.Length ? Sequence(names[i + 1]) : _events.Count);
                var next = i + 1 < names.Length ? Byte(names[i + 1]) : Byte(names[i]) < _endByte ? _endByte : 0;
                if (Byte(names[i]) + _storage.Files[names[i]] - JournalFormat.FileHeaderLength < next)
                    to = from + Events(Whole(names[i])).Count();
                for (var number = from; number < to; number++)
                    yield return number;
            }
        }

        private static bool IsLog(string name) => name.EndsWith(".evj", StringComparison.Ordinal);

        private static long Byte(string name) => Convert.ToInt64(Path.GetFileNameWithoutExtension(name).Split('-')[0], 16);

        private static int Sequence(string name) => Convert.ToInt32(Path.GetFileNameWithoutExtension(name).Split('-')[1], 16);

        /// <summary>One bit of one file is another when the journal is opened again. Only the record it stands in may be lost, and that is said.</summary>
        private void Corrupt(Random chance)
        {
            var files = _storage.Files.Where(file => file.Value > 0 && (IsLog(file.Key) || file.Key == "checkpoint" || file.Key.EndsWith(".cursor", StringComparison.Ordinal))).Select(file => file.Key).Order(StringComparer.Ordinal).ToArray();
            var name = files[chance.Next(files.Length)];
            var content = _storage.Read(name);
            // Slots are mostly empty.
            var at = IsLog(name) ? chance.Next(content.Length) : (chance.Next(3) * (content.Length / 3)) + chance.Next(200);
            var whole = Whole(name);
            var lost = IsLog(name) ? EventAt(name, whole, at) : null;
            content[at] ^= (byte)(1 << chance.Next(8));
            _storage.Corrupt(name, _ => content);
            _rotten[name] = ([.. content], whole);
            if (lost is { } number)
                _damaged.Add(number);
            var losers = _lanes.Where(lane => lost is { } each && lane.Damage(each)).ToArray();
            Reopen(isExact: true, name);
            foreach (var lane in losers)
            {
                lane.ReadThrough();
                Assert.NotEmpty(_said.Of(300));
            }
        }

        /// <summary>A file as it was before any bit of it was flipped.</summary>
        private byte[] Whole(string name)
        {
            var content = _storage.Read(name);
            return _rotten.TryGetValue(name, out var before) && before.Rotten.AsSpan().SequenceEqual(content) ? before.Whole : content;
        }

        /// <summary>The event in whose record a byte of a file stands; null when it stands in none.</summary>
        private static int? EventAt(string name, byte[] content, int at)
        {
            var sequence = Sequence(name);
            foreach (var (from, to) in Events(content))
            {
                if (at >= from && at < to)
                    return sequence;
                sequence++;
            }
            return null;
        }

        /// <summary>Where the events of a file stand, up to what a power failure tore.</summary>
        private static IEnumerable<(int From, int To)> Events(byte[] content)
        {
            var mark = FileMark.Read(content, () => content[JournalFormat.FileHeaderLength..]);
            for (var (place, length) = (JournalFormat.FileHeaderLength, 0); place + EventCodec.HeaderLength <= content.Length; place += length)
            {
                if ((length = JournalFormat.WholeRecord(content.AsSpan(place), mark, out _)) <= 0)
                    yield break;
                if (!JournalFormat.IsControl(content.AsSpan(place)))
                    yield return (place, place + length);
            }
        }

        private void Close() => _journal.DisposeAsync().AsTask().GetAwaiter().GetResult();

        private void Reopen(bool isExact, string? corrupted = null)
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
            for (var i = 0; i < _lanes.Length; i++)
            {
                if (corrupted == LaneCursor.CursorName(_lanes[i].Id))
                    _lanes[i].ReopenCorrupted();
                else if (_lanes[i].Reopen(isExact, _spills, certain) is var holes && i == 0)
                    _holes += holes;
            }
            // What was damaged at the very end may count as never accepted.
            if (!_spills)
                Assert.InRange(_journal.Count().Accepted, end - _holes - _damaged.Count, end - _holes);
        }

        private SegmentJournal Open()
        {
            var options = new BusOptions { Time = _clock, Journal = new JournalOptions { Mode = _spills ? JournalMode.Spill : JournalMode.Disk, SegmentBytes = 64 << 10, MemoryBytes = 128 << 10, ReserveBytes = 0, Retain = _retains ? new JournalRetention { Bytes = 192 << 10 } : null } };
            _said = new SaidLog();
            var store = DiskStore.Open(_storage, options.Journal, _clock, "the model", _said);
            (_end, _endByte) = (store.End.Sequence, store.End.Byte);
            var journal = new SegmentJournal(options, this, poison: true, store, _said);
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

        /// <summary>All that was settled at some moment since it was last made durable, and ever.</summary>
        private HashSet<int> _recently = [];
        private readonly HashSet<int> _ever = [];

        /// <summary>How many the ledger has more than the lists: given up and matched anew by a rewind; in mode spill fewer, what was only in memory.</summary>
        private long _more;
        private long _delivered;
        private bool _isRewound;
        private int _lost;
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
            _recently.RemoveWhere(number => number >= from);
            _ever.RemoveWhere(number => number >= from);
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
            MarkSettled(numbers);
            _delivered += outcome == 2 ? 0 : numbers.Length;
            Compare();
        }

        private void MarkSettled(IEnumerable<int> numbers)
        {
            foreach (var number in numbers)
            {
                _settled.Add(number);
                _recently.Add(number);
                _ever.Add(number);
            }
        }

        /// <summary>Goes back to an event it was through with, or nowhere when there is none.</summary>
        public void Rewind(ulong epoch, HashSet<int> kept, Random chance)
        {
            var unsettled = _matched.Except(_settled).DefaultIfEmpty(int.MaxValue).Min();
            var places = _settled.Where(number => number < unsettled && kept.Contains(number)).Order().ToArray();
            var to = places.Length == 0 ? unsettled : places[chance.Next(places.Length)];
            if (to == int.MaxValue)
                return;
            foreach (var (batch, _) in _underWay)
                Journal.GiveBack(batch);
            var moved = Journal.Move(LanePlace.At(new Position(epoch, (ulong)to)), isSkip: false);
            _underWay.ForEach(static work => work.Batch.Close());
            _underWay.Clear();
            var again = places.Length == 0 ? [] : _settled.Where(number => number >= to && kept.Contains(number)).ToArray();
            Assert.Equal(again.Length, moved);
            var undone = Math.Min(moved, _delivered);
            _delivered -= undone;
            _more += moved - undone;
            _settled.ExceptWith(again);
            _synced.ExceptWith(again);
            _isRewound |= moved > 0;
            _unread = new Queue<int>(_matched.Except(_settled));
            Compare();
        }

        /// <summary>An event cannot be read any more. Whether that is a loss to this lane: then it is counted as one, once the rest is through.</summary>
        public bool Damage(int number)
        {
            if (!_matched.Contains(number) || _settled.Contains(number))
                return false;
            MarkSettled([number]);
            _lost++;
            return true;
        }

        public void ReadThrough()
        {
            ReadAll();
            SettleQuietly();
            Compare(isThrough: true);
            Assert.InRange(Journal.Measure().Dropped[DropReasons.Damaged], 1, long.MaxValue);
        }

        /// <summary>Its newest state may be gone: what it was through with may come again, and nothing else may be missing. From here on all is as it is.</summary>
        public void ReopenCorrupted()
        {
            _underWay.Clear();
            var queued = Learn();
            Assert.Subset(queued, _matched.Except(_ever).ToHashSet());
            Assert.Subset(_matched.ToHashSet(), queued);
            SettleQuietly();
            MarkSettled(_matched);
            _unread.Clear();
            Assert.Equal(0, Journal.Measure().Queued);
            LearnCounts();
            (_synced, _recently, _isRewound) = ([], [.. _settled], true);
            Compare();
        }

        private void SettleQuietly()
        {
            foreach (var (batch, numbers) in _underWay)
            {
                Journal.Settle(batch, 0, batch.Count, LaneOutcome.Delivered, null);
                batch.Close();
                MarkSettled(numbers);
                _delivered += numbers.Length;
            }
            _underWay.Clear();
        }

        private void LearnCounts()
        {
            var measure = Journal.Measure();
            (_more, _delivered) = (measure.Matched - _matched.Count, measure.Delivered);
        }

        public void CatchUp()
        {
            ReadAll();
            SettleAll();
        }

        public void SettleAll()
        {
            while (_underWay.Count > 0)
                Settle(0, 0);
        }

        public void Sync() => (_synced, _recently, _isRewound) = ([.. _settled], [.. _settled], false);

        public void Compare(bool isThrough = false)
        {
            var measure = Journal.Measure();
            // After a kill what damage took may be counted as queued again, until the lane is through.
            var pending = isThrough ? 0 : measure.Queued - (_matched.Count - _settled.Count);
            Assert.InRange(pending, 0, _lost);
            Assert.Equal(
                (_matched.Count + _more, _settled.Count + _more - pending, _matched.Count - _settled.Count + pending),
                (measure.Matched, measure.Delivered + measure.Dead + measure.Dropped.Values.Sum(), measure.Queued));
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
                holes = [.. _matched.Except(_settled).Except(_recently).Except(queued)];
                Assert.All(holes, number => Assert.True(number >= certain, $"{number} was confirmed and is lost"));
                _matched.ExceptWith(holes);
                Assert.Subset(_matched.Except(_synced).ToHashSet(), queued);
                _settled.Clear();
                MarkSettled(_matched.Except(queued));
                _unread.Clear();
                // What was only in memory when the process was killed, its counts among it, is in no ledger. A rewind may have got to disk or not.
                if (spills || _isRewound)
                    LearnCounts();
                _delivered = Journal.Measure().Delivered;
            }
            // What damage took before it was counted as lost is in no ledger after all, where what is queued is counted again.
            if (_lost > 0)
                LearnCounts();
            (_synced, _recently) = ([.. _settled.Intersect(_synced)], [.. _settled]);
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
