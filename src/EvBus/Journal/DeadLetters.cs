namespace EvBus.Journal;

/// <summary>
/// One lane's dead letters: owned copies that hold no segment; bounded by number and by bytes, the oldest goes first. With a disk each is there before it
/// is here, and only where it lies is in memory. Thread-safe.
/// </summary>
/// <param name="capacity">The most letters.</param>
/// <param name="maxBytes">The most bytes of all together; the newest is kept whatever its size.</param>
/// <param name="file">Where they are on disk; null in memory.</param>
internal sealed class DeadLetters(int capacity, long maxBytes, DeadLetterFile? file)
{
    private readonly Lock _lock = new();
    private readonly Lock _replaying = new();
    private readonly LinkedList<Kept> _letters = new((file?.Letters ?? []).Select(static letter => new Kept(letter.Number, letter.Bytes, null)));
    private long _bytes = file?.Letters.Sum(static letter => letter.Bytes) ?? 0;

    /// <summary>How many were lost to the bounds.</summary>
    public long Lost { get; private set; }

    /// <summary>Keeps one; false when older ones had to go for it.</summary>
    /// <exception cref="IOException">It cannot be written, and is not kept.</exception>
    public bool Add(DeadLetter letter) => Add([letter]);

    /// <summary>Keeps several, made durable together; false when older ones had to go for them.</summary>
    /// <exception cref="IOException">They cannot be written, and none is kept.</exception>
    public bool Add(IReadOnlyList<DeadLetter> letters)
    {
        lock (_lock)
        {
            var places = file?.Add(letters);
            for (var i = 0; i < letters.Count; i++)
            {
                var (number, bytes) = places?[i] ?? (0, SizeOf(letters[i]));
                _letters.AddLast(new Kept(number, bytes, file is null ? letters[i] : null));
                _bytes += bytes;
            }
            List<ulong>? gone = null;
            while (_letters.Count > capacity || (_bytes > maxBytes && _letters.Count > 1))
            {
                (gone ??= []).Add(_letters.First!.Value.Number);
                TakeOut(_letters.First);
                Lost++;
            }
            if (gone is not null)
                file?.Remove(gone);
            return gone is null;
        }
    }

    public IReadOnlyList<DeadLetter> List()
    {
        lock (_lock)
            return [.. _letters.Select(Read).OfType<DeadLetter>()];
    }

    /// <summary>Hands each letter that <paramref name="which"/> takes to <paramref name="replay"/>, oldest first, until that has no room; those taken are removed, once <paramref name="flush"/> has put them on disk.</summary>
    public int Replay(Func<DeadLetter, bool>? which, Func<BusEvent, bool> replay, Action flush)
    {
        // Never the lock of the letters while the journal is called: it may want to add one. What is added meanwhile is not replayed.
        lock (_replaying)
        {
            var taken = new List<LinkedListNode<Kept>>();
            foreach (var node in Nodes())
            {
                if (ReadOne(node) is not { } letter || (which is not null && !which(letter)))
                    continue;
                if (!replay(letter.Event))
                    break;
                taken.Add(node);
            }
            // Only when they are on disk again: a letter that is in both places for a moment comes twice, one in neither would be lost.
            if (file is not null && taken.Count > 0)
                flush();
            Remove(taken);
            return taken.Count;
        }
    }

    private static long SizeOf(DeadLetter letter) => letter.Event.Body.Length + EventCodec.AttributesBound(letter.Event.Attributes) + letter.Reason.Length;

    private DeadLetter? Read(Kept kept) => kept.Letter ?? file?.Read(kept.Number);

    private DeadLetter? ReadOne(LinkedListNode<Kept> node)
    {
        // The file is for one at a time.
        lock (_lock)
            return Read(node.Value);
    }

    private void TakeOut(LinkedListNode<Kept> node)
    {
        _bytes -= node.Value.Bytes;
        _letters.Remove(node);
    }

    private List<LinkedListNode<Kept>> Nodes()
    {
        lock (_lock)
        {
            var nodes = new List<LinkedListNode<Kept>>(_letters.Count);
            for (var node = _letters.First; node is not null; node = node.Next)
                nodes.Add(node);
            return nodes;
        }
    }

    private void Remove(List<LinkedListNode<Kept>> nodes)
    {
        lock (_lock)
        {
            // The bounds may have taken some meanwhile.
            nodes.RemoveAll(node => node.List != _letters);
            nodes.ForEach(TakeOut);
            if (nodes.Count > 0)
                file?.Remove([.. nodes.Select(static node => node.Value.Number)]);
        }
    }

    /// <param name="Number">Its number in the file; 0 in memory.</param>
    /// <param name="Bytes">What it takes.</param>
    /// <param name="Letter">Itself; null when it is on disk.</param>
    private readonly record struct Kept(ulong Number, long Bytes, DeadLetter? Letter);
}
