namespace EvBus.Journal;

/// <summary>
/// Reads what a slot holds. A right checksum says that it is what was written, not that it was this program that wrote it: whatever it
/// says, the answer is a value or one kind of error that names the file.
/// </summary>
internal static class StateContent
{
    public static T Decode<T>(byte[] content, string name, Func<byte[], string, T> read)
    {
        try
        {
            return read(content, name);
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException or OverflowException or InvalidDataException)
        {
            throw new EvBusException($"'{name}' has the right checksum and is not what EvBus writes: somebody changed it, or it is of another program. Restore it from a backup; nothing was changed.", e);
        }
    }

    /// <summary>A number of things that the content has room for.</summary>
    public static int Count(int count, int most) => count >= 0 && count <= most ? count : throw new InvalidDataException("A count is larger than the content.");

    public static void Require(bool isPossible)
    {
        if (!isPossible)
            throw new InvalidDataException("A value is impossible.");
    }
}
