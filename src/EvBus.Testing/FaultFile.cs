namespace EvBus.Testing;

/// <summary>A file of a <see cref="FaultStorage"/>: what it holds, and what of it is durable. Under its storage's lock.</summary>
internal sealed class FaultFile(string name)
{
    private readonly List<(long Offset, byte[] Data)> _unsynced = [];
    private byte[] _synced = [];

    public string Name { get; set; } = name;

    public byte[] Content { get; private set; } = [];

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        _unsynced.Add((offset, data.ToArray()));
        Content = Apply(Content, offset, data);
    }

    public void Resize(long length)
    {
        var content = Content;
        Array.Resize(ref content, (int)length);
        Content = content;
        // Lengths are the file system's own and survive here; what is in them does not.
        Array.Resize(ref _synced, (int)length);
        _unsynced.RemoveAll(write => write.Offset >= length);
    }

    public void Replace(byte[] content)
    {
        Content = content;
        _synced = (byte[])content.Clone();
        _unsynced.Clear();
    }

    public void Sync()
    {
        _synced = (byte[])Content.Clone();
        _unsynced.Clear();
    }

    public void ForgetUnsynced() => _unsynced.Clear();

    /// <summary>What is left of it after the power went: fsynced bytes for certain, others by chance: not at all, in part, in any order.</summary>
    public FaultFile Survive(Random? chance)
    {
        var survivor = new FaultFile(Name);
        if (chance is null)
        {
            survivor.Content = (byte[])Content.Clone();
            survivor._synced = (byte[])_synced.Clone();
            survivor._unsynced.AddRange(_unsynced);
            return survivor;
        }
        var content = (byte[])_synced.Clone();
        foreach (var (offset, data) in _unsynced)
        {
            switch (chance.Next(3))
            {
                case 0:
                    break;
                case 1:
                    content = Apply(content, offset, data.AsSpan(0, chance.Next(data.Length + 1)));
                    break;
                default:
                    content = Apply(content, offset, data);
                    break;
            }
        }
        survivor.Replace(content);
        return survivor;
    }

    private static byte[] Apply(byte[] content, long offset, ReadOnlySpan<byte> data)
    {
        if (content.Length < offset + data.Length)
            Array.Resize(ref content, (int)offset + data.Length);
        data.CopyTo(content.AsSpan((int)offset));
        return content;
    }
}
