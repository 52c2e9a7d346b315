namespace EvBus.Ingress.File;

/// <summary>
/// The end of a file that has no line break: a line that a kill left torn, or one of somebody who ends files without. Only what is known to be this publisher's is ever
/// cut; what cannot be told stays, byte for byte.
/// </summary>
internal static class LooseEnd
{
    public static bool IsThere(IOpenFile file, long length)
    {
        Span<byte> last = stackalloc byte[1];
        return length > 0 && (!Fill(file, last, length - 1) || last[0] != '\n');
    }

    /// <summary>
    /// Where the torn line begins, when these lines are the batch that it was torn from: it is the beginning of one of them, and those before it stand before it. They are
    /// written again now, so that cutting it loses nothing. Null when that is not so.
    /// </summary>
    public static long? BeginOf(IOpenFile file, long length, ReadOnlySpan<byte> lines)
    {
        var end = new byte[(int)Math.Min(length, lines.Length)];
        if (!Fill(file, end, length - end.Length))
            return null;
        var at = Array.LastIndexOf(end, (byte)'\n') + 1;
        if (at == 0 && end.Length < length)
            return null;
        ReadOnlySpan<byte> torn = end.AsSpan(at), before = end.AsSpan(0, at);
        for (var begin = 0; begin < lines.Length && begin <= at; begin += lines[begin..].IndexOf((byte)'\n') + 1)
        {
            if (lines[begin..].StartsWith(torn) && before.EndsWith(lines[..begin]))
                return length - torn.Length;
        }
        return null;
    }

    /// <summary>Whether what stands in the file from there on is how these bytes begin, and nothing else.</summary>
    public static bool IsBeginOf(IOpenFile file, long from, long length, ReadOnlySpan<byte> bytes)
    {
        if (length - from > bytes.Length)
            return false;
        var there = new byte[(int)(length - from)];
        return Fill(file, there, from) && bytes.StartsWith(there);
    }

    // What somebody shortens meanwhile is not there to be read.
    private static bool Fill(IOpenFile file, Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            var read = file.Read(target, offset);
            if (read == 0)
                return false;
            target = target[read..];
            offset += read;
        }
        return true;
    }
}
