namespace EvBus;

/// <summary>
/// UUIDs of version 7's layout: 48 bits of milliseconds, 12 bits of a counter, 62 bits that mix the counter with a seed. In order within a
/// millisecond as far as the counter goes; never the same twice within 2^62 events of one seed. Thread-safe.
/// </summary>
internal sealed class EventIds(ulong seed) : IEventIdGenerator
{
    private long _counter;

    public Guid Next(DateTimeOffset now)
    {
        var count = (ulong)Interlocked.Increment(ref _counter);
        var milliseconds = (ulong)now.ToUnixTimeMilliseconds();
        var mixed = Mix(seed + (count * 0x9E3779B97F4A7C15UL));
        var a = (int)(milliseconds >> 16);
        var b = (short)milliseconds;
        var c = (short)(0x7000 | (int)(count & 0xFFF));
        var low = (mixed & 0x3FFF_FFFF_FFFF_FFFFUL) | 0x8000_0000_0000_0000UL;
        return new Guid(
            a, b, c, (byte)(low >> 56), (byte)(low >> 48), (byte)(low >> 40), (byte)(low >> 32), (byte)(low >> 24), (byte)(low >> 16), (byte)(low >> 8), (byte)low);
    }

    // The finalizer of SplitMix64: a bijection, so different counts cannot collide before two bits are cut off.
    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
