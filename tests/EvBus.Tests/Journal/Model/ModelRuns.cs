using System.Globalization;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Journal.Model;

/// <summary>
/// How long the models run: so many runs of 250 steps, always the same, in the suite; with EVBUS_MODEL_RUNS that many, different each time.
/// </summary>
internal static class ModelRuns
{
    public static Config Of(int count) => Environment.GetEnvironmentVariable("EVBUS_MODEL_RUNS") is { Length: > 0 } runs
        ? FsCheck.Config.QuickThrowOnFailure.WithMaxTest(int.Parse(runs, CultureInfo.InvariantCulture))
        : FsCheck.Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(20, 61);
}
