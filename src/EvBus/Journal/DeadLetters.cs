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
    private readonly LinkedList<Kept> _letters = new((file?.Letters ?? []).Select(static letter => new Kept(letter.Number, letter.Bytes, null)));
    private long _bytes = file?.Letters.Sum(static letter => letter.Bytes) ?? 0;

    /// <summary>How many were lost to the bounds.</summary>
    public long Lost { get; private set; }

    /// <summary>Keeps one; false when older ones had to go for it.</summary>
    /// <exception cref="IOException">It cannot be written, and is not kept.</exception>
    public bool Add(DeadLetter letter)
    {
        lock (_lock)
        {
            var (number, bytes) = file?.Add(letter) ?? (0, letter.Event.Body.Length + EventCodec.AttributesBound(letter.Event.Attributes) + letter.Reason.Length);
            _letters.AddLast(new Kept(number, bytes, file is null ? letter : null));
            _bytes += bytes;
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

    /// <exception cref="IOException">The disk does not give them.</exception>
    public IReadOnlyList<DeadLetter> List()
    {
        lock (_lock)
            return [.. _letters.Select(Read).OfType<DeadLetter>()];
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
                if (Read(node.Value) is { } letter && (which is null || which(letter)))
                {
                    if (!replay(letter.Event))
                        break;
                    taken.Add(node.Value.Number);
                    TakeOut(node);
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

    private DeadLetter? Read(Kept kept) => kept.Letter ?? file?.Read(kept.Number);

    private void TakeOut(LinkedListNode<Kept> node)
    {
        _bytes -= node.Value.Bytes;
        _letters.Remove(node);
    }

    /// <param name="Number">Its number in the file; 0 in memory.</param>
    /// <param name="Bytes">What it takes.</param>
    /// <param name="Letter">Itself; null when it is on disk.</param>
    private readonly record struct Kept(ulong Number, long Bytes, DeadLetter? Letter);
}
