using System.Globalization;
using EvBus.Tools.Tester.Options;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>Says which events no publisher took: they are in no lane's account, and a run that lost them so did not do what it was asked for.</summary>
internal static class Unmatched
{
    /// <summary>A line for each reason; none when every event had a publisher.</summary>
    public static IEnumerable<string> Tell(BusStatus status, BusStatus before, TesterOptions options, IReadOnlyList<string> allowed, long sent)
    {
        var lanes = status.Lanes.Where(lane => lane.Id != $"internal/{TesterRun.Queue}").ToList();
        foreach (var name in allowed.Where(name => !lanes.Any(lane => IsOf(lane.Id, name))))
        {
            var known = lanes.Select(lane => lane.Id.Split('/').ElementAtOrDefault(1)).OfType<string>();
            yield return $"--ingress-profiles: no publisher has a profile '{name}'.{(NearestName.Of(name, known) is { } near ? $" Did you mean '{near}'?" : "")} Name profiles that the acct file has, of providers that are known here.";
        }
        var unmatched = status.Unmatched - before.Unmatched;
        // The tester's own queue takes every event; who named an address wants somebody else to have it too.
        var isPrintedOnly = !options.Quiet && options.Profile is not null && lanes.Count > 0
            && !lanes.Any(lane => lane.Matched > (before.Lanes.FirstOrDefault(each => each.Id == lane.Id)?.Matched ?? 0));
        if (unmatched == 0 && isPrintedOnly)
            unmatched = sent;
        if (unmatched > 0)
            yield return string.Create(CultureInfo.InvariantCulture, $"{unmatched:N0} events matched no publisher{(options.Profile is { } profile ? $" with a profile for '{profile}'" : "")} and went nowhere. There {(lanes.Count == 0 ? "is no publisher: name an acct file with --acct-file, and check the providers in it" : $"are {string.Join(", ", lanes.Select(lane => lane.Id))}: check --profile and the names in the acct file")}.");
    }

    private static bool IsOf(string lane, string profile) =>
        lane.Split('/', 2) is [_, var rest] && (rest == profile || rest.StartsWith(profile + "/", StringComparison.Ordinal) || rest.StartsWith(profile + ":", StringComparison.Ordinal));
}
