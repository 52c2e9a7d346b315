using System.Globalization;
using EvBus.Tools.Tester.Options;
using Spectre.Console;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>One line on the terminal that says how far the run is, written anew a few times a second.</summary>
internal static class LiveLine
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <param name="ending">Cancelled when nothing more is put and the rest is being delivered.</param>
    public static async Task RunAsync(IEventBus bus, Sender sender, TesterOptions options, TesterHost host, CancellationToken ending, CancellationToken cancellationToken)
    {
        // The caller has asked whether this is a terminal; a library would ask the standard output.
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.Yes, Out = new AnsiConsoleOutput(host.Error) });
        using var timer = new PeriodicTimer(Interval, host.Time);
        var began = host.Time.GetTimestamp();
        long? ended = null;
        await console.Live(Line("")).AutoClear(true).StartAsync(async live =>
        {
            try
            {
                while (await timer.WaitForNextTickAsync(cancellationToken))
                {
                    if (ending.IsCancellationRequested)
                        ended ??= host.Time.GetTimestamp();
                    TimeSpan? draining = ended is { } at ? host.Time.GetElapsedTime(at) : null;
                    live.UpdateTarget(Line(Format(bus.GetStatus(), sender.Sent, host.Time.GetElapsedTime(began), options, draining)));
                }
            }
            catch (OperationCanceledException)
            {
                // The run is over; the line is cleared.
            }
        });
    }

    // With an empty line above it: of a display of one line the library goes up "0 lines" to write it anew, which terminals read as one.
    private static Padder Line(string text) => new(new Text(text), new Padding(0, 1, 0, 0));

    public static string Format(BusStatus status, long sent, TimeSpan elapsed, TesterOptions options, TimeSpan? draining = null)
    {
        var rate = elapsed > TimeSpan.Zero ? sent / elapsed.TotalSeconds : 0;
        var parts = new List<string> { string.Create(CultureInfo.InvariantCulture, $"sent {sent:N0}") };
        parts.AddRange(status.Lanes.Select(lane => string.Create(CultureInfo.InvariantCulture, $"{lane.Id} {lane.Delivered:N0}")));
        parts.Add(string.Create(CultureInfo.InvariantCulture, $"{rate:N0} events/s"));
        if (draining is { } since)
        {
            var atMost = Math.Max(0, (options.DrainTimeout - since).TotalSeconds);
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"draining, at most {atMost:0} s (Ctrl-C: leave now)"));
            return string.Join("  ", parts);
        }
        TimeSpan? left = options.Duration - elapsed;
        if (options.Count is { } count && rate > 0 && TimeSpan.FromSeconds((count - sent) / rate) is var byCount && !(left < byCount))
            left = byCount;
        if (left is { } time)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, time.TotalSeconds):0} s left"));
        return string.Join("  ", parts);
    }
}
