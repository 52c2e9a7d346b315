using EvBus.Journal;

namespace EvBus.Lanes;

/// <summary>
/// Whose work the running code is: set where a lane's own work begins, it goes along with everything that is awaited or started there. So what a publisher logs can be told from
/// what the application logs.
/// </summary>
internal static class LaneFlow
{
    private static readonly AsyncLocal<LaneFilter?> s_filter = new();

    /// <summary>From here on, until the calling asynchronous method ends, this is the work of the lane with that filter.</summary>
    public static void Enter(LaneFilter filter) => s_filter.Value = filter;

    /// <summary>Whether this is the work of a lane that events of that profile (UTF-8) go to.</summary>
    public static bool Gets(ReadOnlySpan<byte> profile) => s_filter.Value?.MatchesProfile(addressed: true, profile) == true;
}
