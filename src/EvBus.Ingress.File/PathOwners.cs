using System.Collections.Concurrent;

namespace EvBus.Ingress.File;

/// <summary>Which publisher of this process writes to which file: two on one would write over each other. Thread-safe.</summary>
internal static class PathOwners
{
    private static readonly ConcurrentDictionary<string, FilePublisher> s_owners =
        new(OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);

    /// <exception cref="EvBusException">Another one has it.</exception>
    public static void Claim(string path, FilePublisher publisher)
    {
        var owner = s_owners.GetOrAdd(path, publisher);
        if (owner == publisher)
            return;
        throw owner.LaneId == publisher.LaneId
            ? new EvBusException($"{path} is still written by an earlier instance of this lane, which was given up and has not ended, or by a lane of the same name of another bus. It is tried again.") { IsTransient = true }
            : new EvBusException($"{path} is written by lane {owner.LaneId} already. Give each file profile a path of its own.");
    }

    public static void Release(string path, FilePublisher publisher) => s_owners.TryRemove(new KeyValuePair<string, FilePublisher>(path, publisher));
}
