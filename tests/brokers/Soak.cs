using System.Globalization;

namespace EvBus.Brokers;

/// <summary>How long a broker is away: half a minute in the suite, as many minutes as <c>EVBUS_SOAK_MINUTES</c> says in a soak.</summary>
internal static class Soak
{
    /// <summary>The trait of the tests that a soak makes longer: <c>-trait soak=outage</c>.</summary>
    public const string Trait = "soak", Outage = "outage";

    /// <summary>Whether one was asked for.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("EVBUS_SOAK_MINUTES") is { Length: > 0 };

    /// <summary>The length of an outage.</summary>
    public static TimeSpan Length { get; } = IsOn
        ? double.TryParse(Environment.GetEnvironmentVariable("EVBUS_SOAK_MINUTES"), CultureInfo.InvariantCulture, out var minutes) && minutes > 0
            ? TimeSpan.FromMinutes(minutes)
            : throw new InvalidOperationException("EVBUS_SOAK_MINUTES is a number of minutes, such as 10.")
        : TimeSpan.FromSeconds(30);

    /// <summary>Waits until the outage has lasted long enough; at once in the suite, where the test has waited for what it wants to see.</summary>
    public static Task LastAsync(long began)
    {
        var left = Length - TimeProvider.System.GetElapsedTime(began);
        return IsOn && left > TimeSpan.Zero ? Task.Delay(left, TimeProvider.System) : Task.CompletedTask;
    }
}
