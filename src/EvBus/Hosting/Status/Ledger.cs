using System.Globalization;
using System.Text;

namespace EvBus.Hosting;

/// <summary>The ledger in one line, as it is logged at stop.</summary>
internal static class Ledger
{
    public static string Format(BusStatus status)
    {
        var line = new StringBuilder();
        line.Append(CultureInfo.InvariantCulture, $"accepted {status.Accepted}, unmatched {status.Unmatched}");
        if (status.Refused.Count > 0)
            line.Append(CultureInfo.InvariantCulture, $", refused {status.Refused.Values.Sum()} ({string.Join(", ", status.Refused.Select(pair => $"{pair.Key} {pair.Value}"))})");
        foreach (var lane in status.Lanes)
        {
            line.Append(CultureInfo.InvariantCulture, $"; {lane.Id}: matched {lane.Matched} = delivered {lane.Delivered} + dead {lane.Dead} + dropped {lane.Dropped} + queued {lane.Queued}");
            if (lane.Dropped > 0)
                line.Append(CultureInfo.InvariantCulture, $" ({string.Join(", ", lane.DroppedByReason.Select(pair => $"{pair.Key} {pair.Value}"))})");
        }
        return line.ToString();
    }
}
