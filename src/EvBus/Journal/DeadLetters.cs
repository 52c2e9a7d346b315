namespace EvBus.Journal;

/// <summary>
/// One lane's dead letters: owned copies that hold no segment; bounded, the oldest goes first. With a disk each is there before it is here.
/// Thread-safe.
/// </summary>
internal sealed class DeadLetters(int capacity, DeadLetterFile? file, IEnumerable<StoredLetter> stored)
{
    private readonly Lock _lock = new();
    private readonly Lock _replaying = new();
    private readonly LinkedList<StoredLetter> _letters = new(stored);

    /// <summary>How many were lost to the bound.</summary>
    public long Lost { get; private set; }

    /// <summary>Keeps one; false when the oldest had to go for it.</summary>
    /// <exception cref="IOException">It cannot be written, and is not kept.</exception>
    public bool Add(DeadLetter letter) => Add([letter]);

    /// <summary>Keeps several, made durable together; false when the oldest had to go for them.</summary>
    /// <exception cref="IOException">They cannot be written, and none is kept.</exception>
    public bool Add(IReadOnlyList<DeadLetter> letters)
    {
        lock (_lock)
        {
            var number = file?.Add(letters) ?? 0;
            foreach (var letter in letters)
                _letters.AddLast(new StoredLetter(file is null ? 0 : number++, letter));
            var over = _letters.Count - capacity;
            if (over <= 0)
                return true;
            var gone = new List<ulong>(over);
            for (; over > 0; over--)
            {
                gone.Add(_letters.First!.Value.Number);
                _letters.RemoveFirst();
                Lost++;
            }
            file?.Remove(gone);
            return false;
        }
    }

    public IReadOnlyList<DeadLetter> List()
    {
        lock (_lock)
            return [.. _letters.Select(stored => stored.Letter)];
    }

    /// <summary>Hands each letter that <paramref name="which"/> takes to <paramref name="replay"/>, oldest first, until that has no room; those taken are removed, once <paramref name="flush"/> has put them on disk.</summary>
    public int Replay(Func<DeadLetter, bool>? which, Func<BusEvent, bool> replay, Action flush)
    {
        // Never the lock of the letters while the journal is called: it may want to add one. What is added meanwhile is not replayed.
        lock (_replaying)
        {
            var taken = new List<LinkedListNode<StoredLetter>>();
            foreach (var node in Nodes())
            {
                if (which is not null && !which(node.Value.Letter))
                    continue;
                if (!replay(node.Value.Letter.Event))
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

    private List<LinkedListNode<StoredLetter>> Nodes()
    {
        lock (_lock)
        {
            var nodes = new List<LinkedListNode<StoredLetter>>(_letters.Count);
            for (var node = _letters.First; node is not null; node = node.Next)
                nodes.Add(node);
            return nodes;
        }
    }

    private void Remove(List<LinkedListNode<StoredLetter>> nodes)
    {
        lock (_lock)
        {
            // The bound may have taken some meanwhile.
            nodes.RemoveAll(node => node.List != _letters);
            nodes.ForEach(_letters.Remove);
            if (nodes.Count > 0)
                file?.Remove([.. nodes.Select(static node => node.Value.Number)]);
        }
    }
}
