using System.Globalization;

namespace EvBus;

/// <summary>A place in the journal that a lane can be sent to (<see cref="ILanes.RewindAsync"/>, <see cref="ILanes.SkipAsync"/>).</summary>
public readonly record struct LanePlace
{
    private LanePlace(bool isNow, DateTimeOffset? time, Position? position) => (IsNow, Time, Position) = (isNow, time, position);

    /// <summary>Before the oldest event the journal keeps.</summary>
    public static LanePlace Oldest => default;

    /// <summary>Behind everything accepted until the call.</summary>
    public static LanePlace Now => new(true, null, null);

    /// <summary>Before the first event that was accepted at this time or later.</summary>
    public static LanePlace At(DateTimeOffset time) => new(false, time, null);

    /// <summary>Before the event at this position, as <see cref="PutResult.Position"/> or <see cref="LaneStatus.Cursor"/> say it.</summary>
    public static LanePlace At(Position position) => new(false, null, position);

    internal bool IsOldest => !IsNow && Time is null && Position is null;

    internal bool IsNow { get; }

    internal DateTimeOffset? Time { get; }

    internal Position? Position { get; }

    /// <summary>In words.</summary>
    public override string ToString() => IsNow ? "now" : Time is { } time ? string.Create(CultureInfo.InvariantCulture, $"{time:O}") : Position is { } position ? $"position {position}" : "the oldest event";
}
