using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>
/// What the bus says. Ids are never used again: 1–99 the bus, 100–199 lanes, 200–299 profiles. Per event: Trace. Per batch: Debug.
/// State change: Information. Somebody should look: Warning. Data lost or stuck: Error.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Bus {Bus} started with {Lanes} lanes")]
    public static partial void BusStarted(ILogger logger, string bus, int lanes);

    [LoggerMessage(2, LogLevel.Information, "Bus {Bus} stopped. Ledger: {Ledger}")]
    public static partial void BusStopped(ILogger logger, string bus, string ledger);

    [LoggerMessage(3, LogLevel.Warning, "Bus {Bus}: no lane wants events of profile {Profile}; they are counted as unmatched. Name a profile that matches, or add one to the acct file. Said once for each name")]
    public static partial void Unmatched(ILogger logger, string bus, string profile);

    [LoggerMessage(4, LogLevel.Error, "Bus {Bus} stopped at its deadline with events still queued: {Ledger}")]
    public static partial void StoppedWithQueued(ILogger logger, string bus, string ledger);

    [LoggerMessage(100, LogLevel.Information, "Lane {Lane} connected")]
    public static partial void LaneConnected(ILogger logger, string lane);

    [LoggerMessage(101, LogLevel.Warning, "Lane {Lane} cannot connect: {Reason} (next try in {Wait})")]
    public static partial void ConnectFailed(ILogger logger, string lane, string reason, TimeSpan wait);

    [LoggerMessage(102, LogLevel.Warning, "Lane {Lane}: {Reason} ({Events} events wait; next try in {Wait})")]
    public static partial void BatchFailed(ILogger logger, string lane, string reason, int events, TimeSpan wait);

    [LoggerMessage(113, LogLevel.Debug, "Lane {Lane}: still {Reason} (next try in {Wait})")]
    public static partial void StillFailing(ILogger logger, string lane, string reason, TimeSpan wait);

    [LoggerMessage(103, LogLevel.Information, "Lane {Lane} flows again after {Failures} failures")]
    public static partial void LaneRecovered(ILogger logger, string lane, int failures);

    [LoggerMessage(104, LogLevel.Error, "Lane {Lane}: event {event_id} is a dead letter: {Reason}")]
    public static partial void DeadLettered(ILogger logger, string lane, string event_id, string reason);

    [LoggerMessage(105, LogLevel.Error, "Lane {Lane} drops events ({Reason}): it was furthest behind and did not flow while the journal was full, or is over its own limit. Said once an episode")]
    public static partial void Dropping(ILogger logger, string lane, string reason);

    [LoggerMessage(106, LogLevel.Error, "Lane {Lane} is detached: {Reason}. Resume it when the cause is mended")]
    public static partial void LaneDetached(ILogger logger, string lane, string reason);

    [LoggerMessage(107, LogLevel.Warning, "Lane {Lane}: the publisher did not answer within {Timeout}; its instance is abandoned ({Running} still running)")]
    public static partial void CallAbandoned(ILogger logger, string lane, TimeSpan timeout, int running);

    [LoggerMessage(108, LogLevel.Warning, "Lane {Lane}: the publisher failed while it was disposed: {Reason}")]
    public static partial void DisposeFailed(ILogger logger, string lane, string reason);

    [LoggerMessage(109, LogLevel.Debug, "Lane {Lane}: {Events} events delivered")]
    public static partial void BatchDelivered(ILogger logger, string lane, int events);

    [LoggerMessage(110, LogLevel.Warning, "Lane {Lane}: its dead letters are full; the oldest is lost. Replay or remove some. Said once")]
    public static partial void DeadLettersFull(ILogger logger, string lane);

    [LoggerMessage(111, LogLevel.Trace, "Lane {Lane}: event {event_id} delivered")]
    public static partial void EventDelivered(ILogger logger, string lane, string event_id);

    [LoggerMessage(114, LogLevel.Warning, "Lane {Lane} waits: {Reason}")]
    public static partial void LaneBlocked(ILogger logger, string lane, string reason);

    [LoggerMessage(115, LogLevel.Information, "Lane {Lane}: the destination takes events again")]
    public static partial void LaneUnblocked(ILogger logger, string lane);

    [LoggerMessage(116, LogLevel.Warning, "Lane {Lane}: {Reason} Nothing was under way (next try in {Wait})")]
    public static partial void ConnectionLost(ILogger logger, string lane, string reason, TimeSpan wait);

    [LoggerMessage(112, LogLevel.Critical, "Lane {Lane} stopped by a defect of the bus; its events stay queued")]
    public static partial void LaneFailed(ILogger logger, string lane, Exception exception);

    [LoggerMessage(200, LogLevel.Warning, "Publisher {Publisher} needs a profile and found none, so it has no lane. Add one under '{Publisher}:' in the acct file")]
    public static partial void NoProfile(ILogger logger, string publisher);

    [LoggerMessage(201, LogLevel.Warning, "Profiles under '{Provider}:' are not used: no publisher goes by that name here. Known: {Known}")]
    public static partial void UnknownProvider(ILogger logger, string provider, string known);
}
