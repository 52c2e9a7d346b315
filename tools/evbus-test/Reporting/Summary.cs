using System.Globalization;
using System.Text;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>What became of the events, for people.</summary>
internal static class Summary
{
    public static string Format(BusStatus status, TimeSpan elapsed, IReadOnlyList<TimeSpan> samples)
    {
        var text = new StringBuilder();
        var rate = elapsed > TimeSpan.Zero ? status.Accepted / elapsed.TotalSeconds : 0;
        Line(text, $"accepted {status.Accepted:N0}, unmatched {status.Unmatched:N0}, in {elapsed.TotalSeconds:0.000} s: {rate:N0} events/s");
        foreach (var (reason, events) in status.Refused)
            Line(text, $"refused {events:N0}: {reason}");
        if (status.Unwritten > 0)
            Line(text, $"lost {status.Unwritten:N0}: accepted, and not on disk when the bus stopped");
        if (samples.Count > 0)
        {
            var sorted = samples.Order().ToList();
            Line(text, $"latency p50 {Time(Percentile(sorted, 0.5))}, p99 {Time(Percentile(sorted, 0.99))} (put to the last confirmation, {sorted.Count:N0} samples)");
        }
        foreach (var lane in status.Lanes)
        {
            text.Append(CultureInfo.InvariantCulture, $"{lane.Id}: delivered {lane.Delivered:N0}, dead {lane.Dead:N0}, dropped {lane.Dropped:N0}");
            if (lane.Dropped > 0)
                text.Append(CultureInfo.InvariantCulture, $" ({string.Join(", ", lane.DroppedByReason.Where(pair => pair.Value > 0).Select(pair => $"{pair.Key} {pair.Value}"))})");
            text.Append(CultureInfo.InvariantCulture, $", queued {lane.Queued:N0}");
            if (lane.Retried > 0)
                text.Append(CultureInfo.InvariantCulture, $"; tried again {lane.Retried:N0}");
            if (lane.Trouble is not null)
                text.Append(CultureInfo.InvariantCulture, $"; trouble: {lane.Trouble}");
            text.Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The smallest value that at least this part of all does not exceed.</summary>
    public static TimeSpan Percentile(List<TimeSpan> sorted, double part) => sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Count) - 1, 0, sorted.Count - 1)];

    public static string Time(TimeSpan time) => time.TotalMilliseconds switch
    {
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMicroseconds:0} µs"),
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.00} s"),
    };

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
