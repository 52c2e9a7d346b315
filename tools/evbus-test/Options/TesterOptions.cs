using Microsoft.Extensions.Logging;

namespace EvBus.Tools.Tester.Options;

/// <summary>What was asked for on the command line.</summary>
internal sealed record TesterOptions
{
    public bool Random { get; init; }

    /// <summary>A file, <c>-</c> for standard input, or null.</summary>
    public string? Input { get; init; }

    public string Output { get; init; } = "json";

    public string Color { get; init; } = "auto";

    /// <summary>The most events to put; null is without end.</summary>
    public long? Count { get; init; }

    /// <summary>Events a second; zero is as fast as possible; null is once a second for random events and as fast as possible for lines.</summary>
    public double? Rate { get; init; }

    public TimeSpan? Duration { get; init; }

    /// <summary>The size of a random event's body in bytes; null is what it takes.</summary>
    public int? Size { get; init; }

    public string? Profile { get; init; }

    public int? Seed { get; init; }

    public bool Quiet { get; init; }

    public bool Summary { get; init; }

    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public LogLevel LogLevel { get; init; } = LogLevel.Warning;

    public string? LogFile { get; init; }

    public string LogFormat { get; init; } = "[%(levelname)-8s] %(message)s";

    public string LogDateFormat { get; init; } = "%H:%M:%S";
}
