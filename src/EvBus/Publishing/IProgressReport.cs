namespace EvBus;

/// <summary>
/// An optional power of an <see cref="IPublisher"/>: to say how far it has come. The lane's <see cref="LaneOptions.CallTimeout"/> then bounds the time <b>without progress</b>, and not the whole call: a
/// large event on a slow line is not given up while its bytes flow.
/// </summary>
/// <remarks>
/// A lane asks only when a call or an acknowledgement is overdue, so an instance that stands still is given up between one and two time-outs after its last progress. Decorators and gatherers around a
/// publisher hand its report on.
/// </remarks>
public interface IProgressReport : IPublisher
{
    /// <summary>
    /// A number that grows whenever the destination has taken something (bytes written to the line that the other side drained, confirmations that came). It never falls; its unit is the publisher's own. Read
    /// from any thread, also while a call runs: quick, without a lock that a call may hold, and without an exception.
    /// </summary>
    long Progress { get; }

    /// <summary>
    /// The longest the publisher itself waits for its destination before it ends a call or an acknowledgement by its own words. Where it is not below <see cref="LaneOptions.CallTimeout"/>, the lane waits this long and a
    /// tenth more, so that a time-out of the profile counts. Null (the default): the lane's alone counts. As quick as <see cref="Progress"/>.
    /// </summary>
    TimeSpan? Patience => null;
}
