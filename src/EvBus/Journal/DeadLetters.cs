namespace EvBus.Journal;

/// <summary>One lane's dead letters in memory: owned copies that hold no segment; bounded, the oldest goes first. Thread-safe.</summary>
internal sealed class DeadLetters(int capacity)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<DeadLetter> _letters = new();

    /// <summary>How many were lost to the bound.</summary>
    public long Lost { get; private set; }

    /// <summary>Keeps one; false when the oldest had to go for it.</summary>
    public bool Add(DeadLetter letter)
    {
        lock (_lock)
        {
            _letters.AddLast(letter);
            if (_letters.Count <= capacity)
                return true;
            _letters.RemoveFirst();
            Lost++;
            return false;
        }
    }

    public IReadOnlyList<DeadLetter> List()
    {
        lock (_lock)
            return [.. _letters];
    }

    /// <summary>Hands each letter that <paramref name="which"/> takes to <paramref name="replay"/>, oldest first, until that has no room; those taken are removed.</summary>
    public int Replay(Func<DeadLetter, bool>? which, Func<BusEvent, bool> replay)
    {
        lock (_lock)
        {
            var count = 0;
            for (var node = _letters.First; node is not null;)
            {
                var next = node.Next;
                if (which is null || which(node.Value))
                {
                    if (!replay(node.Value.Event))
                        break;
                    _letters.Remove(node);
                    count++;
                }
                node = next;
            }
            return count;
        }
    }
}
