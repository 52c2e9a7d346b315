namespace EvBus.Journal;

/// <summary>
/// One lane's dead letters: owned copies that hold no segment; bounded, the oldest goes first. With a disk each is there before it is here.
/// Thread-safe.
/// </summary>
internal sealed class DeadLetters(int capacity, DeadLetterFile? file, IEnumerable<StoredLetter> stored)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<StoredLetter> _letters = new(stored);

    /// <summary>How many were lost to the bound.</summary>
    public long Lost { get; private set; }

    /// <summary>Keeps one; false when the oldest had to go for it.</summary>
    /// <exception cref="IOException">It cannot be written, and is not kept.</exception>
    public bool Add(DeadLetter letter)
    {
        lock (_lock)
        {
            _letters.AddLast(new StoredLetter(file?.Add(letter) ?? 0, letter));
            if (_letters.Count <= capacity)
                return true;
            file?.Remove([_letters.First!.Value.Number]);
            _letters.RemoveFirst();
            Lost++;
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
        lock (_lock)
        {
            var taken = new List<ulong>();
            for (var node = _letters.First; node is not null;)
            {
                var next = node.Next;
                if (which is null || which(node.Value.Letter))
                {
                    if (!replay(node.Value.Letter.Event))
                        break;
                    taken.Add(node.Value.Number);
                    _letters.Remove(node);
                }
                node = next;
            }
            if (file is null || taken.Count == 0)
                return taken.Count;
            // Only when they are on disk again: a letter that is in both places for a moment comes twice, one in neither would be lost.
            flush();
            file.Remove(taken);
            return taken.Count;
        }
    }
}
