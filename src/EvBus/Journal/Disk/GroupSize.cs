namespace EvBus.Journal;

/// <summary>
/// For how many of those under way a group waits. A group of all N keeps the disk idle while they are answered and come again; of two groups
/// each comes while the other is written, but what a write costs however little is in it is paid twice. So two are right where
/// coming again takes long against writing: a fast disk, or very many under way. How they are split hardly matters, for together they hold all
/// N; but a small one would be over before the others have come, and those who come late would make a third. One thread.
/// </summary>
internal sealed class GroupSize
{
    private const int Explored = 64;

    // Fewer say more about the one who was late than about all.
    private const int Measurable = 16;

    private double _coming;
    private double _writing;
    private int _split;

    /// <param name="underWay">Those who were answered last and those who have come since.</param>
    /// <returns>For how many to wait.</returns>
    public int Wanted(int underWay)
    {
        // Some of what a write takes is for its bytes, which two groups pay for only once: hence twice.
        if (_coming * underWay * 2 <= _writing)
            return underWay;
        // With two nobody is waited for, so nothing would ever be measured again.
        return ++_split % Explored == 0 ? underWay : underWay * 3 / 8;
    }

    /// <summary>So many have come in this time.</summary>
    public void Came(int count, long ticks)
    {
        if (count >= Measurable)
            _coming = Smooth(_coming, ticks / (double)count);
    }

    /// <summary>A group took so long to be written.</summary>
    public void Written(long ticks) => _writing = Smooth(_writing, ticks);

    private static double Smooth(double before, double now) => before == 0 ? now : (before * 0.9) + (now * 0.1);
}
