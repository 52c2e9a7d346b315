using EvBus.Journal;

namespace EvBus.Tests.Journal.Model;

// What a lane should have and do, as lists.
public partial class DiskModelTests
{
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
                Assert.True(_unread.Count == 0 || IsTooFarAhead, "nothing to read with events unread");
                return false;
            }
            var numbers = batch.Select(evt => BitConverter.ToInt32(evt.Body.Span)).ToArray();
            Assert.Equal(Enumerable.Range(0, numbers.Length).Select(_ => _unread.Dequeue()), numbers);
            _underWay.Add((batch, numbers));
            return true;
        }

        /// <summary>Whether it may have so many runs of settled events beyond the oldest that is not, that it may read no further.</summary>
        private bool IsTooFarAhead
        {
            get
            {
                var open = _underWay.SelectMany(each => each.Numbers).DefaultIfEmpty(int.MaxValue).Min();
                return _settled.Any(number => number > open);
            }
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
            do
            {
                ReadAll();
                SettleQuietly();
            }
            while (_unread.Count > 0);
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
            do
            {
                ReadAll();
                SettleAll();
            }
            while (_unread.Count > 0);
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

        public bool TryKeepDead(EventBatch batch, string reason) => true;

        public void OnGivenUp(EventBatch batch, LaneOutcome outcome, string reason) { }

        public void OnLost(ulong end, string reason) { }

        public void OnLimitReached(LimitPolicy policy, string what) { }

        // Though it may be too far ahead.
        private bool Take(EventBatch batch) => ((SegmentLane)Journal).TryTake(batch, new LaneExcess(7, long.MaxValue, null, ""));

        private HashSet<int> Learn()
        {
            var all = new List<int>();
            while (true)
            {
                var batch = new EventBatch();
                if (!Journal.TryRead(batch, 7, long.MaxValue) && !Take(batch) && !Take(batch))
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
