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

    /// <summary>The folder of the journal; null keeps events in memory.</summary>
    public string? Journal { get; init; }

    /// <summary>Whether the journal is in memory as long as publishers keep up.</summary>
    public bool Spill { get; init; }

    /// <summary>What is waited for; null is nothing beyond acceptance.</summary>
    public Receipt? Receipt { get; init; }

    /// <summary>Where the ids of events are written once they have their receipt; null is nowhere.</summary>
    public string? ReceiptsTo { get; init; }

    /// <summary>Put nothing; deliver what the journal holds.</summary>
    public bool Drain { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Warning;

    public string? LogFile { get; init; }

    public string LogFormat { get; init; } = "[%(levelname)-8s] %(message)s";

    public string LogDateFormat { get; init; } = "%H:%M:%S";
}
