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
public partial class DiskModelTests
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
                lane.CatchUp();
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
            var status = _journal.TryAppend(record.AsSpan(0, length), 1, mayWaitInLine: false).Status;
            if (status == AppendStatus.Full)
            {
                // So much may not be uncommitted.
                Commit();
                status = _journal.TryAppend(record.AsSpan(0, length), 1, mayWaitInLine: false).Status;
            }
            Assert.Equal(AppendStatus.Appended, status);
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
            var journal = new SegmentJournal(options, this, poison: true, store, _said, new JournalBounds { SettledRanges = 2, Uncommitted = 64 << 10 });
            foreach (var lane in _lanes)
            {
                var filter = new LaneFilter(lane.Id, lane.Pattern is null ? null : ProfileMatch.Glob(lane.Pattern), null, UnaddressedRule.All);
                lane.Journal = journal.OpenLane(new JournalLaneDefinition(lane.Id, filter, new LaneOptions(), lane.Pattern), lane);
            }
            journal.Commence();
            return journal;
        }
    }
}
