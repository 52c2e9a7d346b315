using Microsoft.Extensions.Logging;

namespace EvBus.Telemetry;

/// <summary>
/// What the bus says. Ids are never used again: 1–99 the bus, 100–199 lanes, 200–299 profiles, 300–399 the journal, 400–499 plugins. Per event: Trace. Per batch: Debug.
/// State change: Information. Somebody should look: Warning. Data lost or stuck: Error.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Bus {Bus} started; lanes: {Lanes}")]
    public static partial void BusStarted(ILogger logger, string bus, int lanes);

    [LoggerMessage(2, LogLevel.Information, "Bus {Bus} stopped. Ledger: {Ledger}")]
    public static partial void BusStopped(ILogger logger, string bus, string ledger);

    [LoggerMessage(3, LogLevel.Warning, "Bus {Bus}: no lane wants events of profile {Profile}; they are counted as unmatched. Name a profile that matches, or add one to the acct file. Said once for each name")]
    public static partial void Unmatched(ILogger logger, string bus, string profile);

    [LoggerMessage(4, LogLevel.Error, "Bus {Bus} stopped at its deadline with events still queued: {Ledger}")]
    public static partial void StoppedWithQueued(ILogger logger, string bus, string ledger);

    [LoggerMessage(5, LogLevel.Error, "Bus {Bus} stopped after its journal had failed ({Reason}): {Events} accepted events were never confirmed on disk, and no lane was given them. Some may be there at the next start. Ledger: {Ledger}")]
    public static partial void StoppedUnconfirmed(ILogger logger, string bus, string reason, long events, string ledger);

    [LoggerMessage(21, LogLevel.Error, "Bus {Bus}: {Step} failed while it stopped: {Reason}. The other steps are done all the same; another stop tries this one again")]
    public static partial void StopStepFailed(ILogger logger, string bus, string step, string reason);

    [LoggerMessage(22, LogLevel.Warning, "Bus {Bus} has no lanes, so nothing is delivered: what is put is counted as unmatched. Add a publisher and, for one that needs it, a profile under its name")]
    public static partial void BusWithoutLanes(ILogger logger, string bus);

    [LoggerMessage(23, LogLevel.Warning, "Bus {Bus} refused an event ({Refusal}): {Reason}. Look at the answer of the put, or call EnsureAccepted() on it. Said once for each cause; the status counts them all")]
    public static partial void PutRefused(ILogger logger, string bus, RefusalReason refusal, string reason);

    [LoggerMessage(20, LogLevel.Warning, "Bus {Bus}: {Records} log records of profile {Profile} are dropped so far, the last one because of {Reason}. A lane is not keeping up, or too much is logged: look at the status, raise MaxEvents and MaxBytes, or let fewer through (EvBusLoggerOptions). Said at most once a minute")]
    public static partial void RecordsDropped(ILogger logger, string bus, long records, string profile, RefusalReason reason);

    [LoggerMessage(100, LogLevel.Information, "Lane {Lane} connected")]
    public static partial void LaneConnected(ILogger logger, string lane);

    [LoggerMessage(101, LogLevel.Warning, "Lane {Lane} cannot connect: {Reason} (next try in {Wait:0.###} s)")]
    public static partial void ConnectFailed(ILogger logger, string lane, string reason, double wait);

    [LoggerMessage(102, LogLevel.Warning, "Lane {Lane}: {Reason} ({Events} events wait; next try in {Wait:0.###} s)")]
    public static partial void BatchFailed(ILogger logger, string lane, string reason, int events, double wait);

    [LoggerMessage(113, LogLevel.Debug, "Lane {Lane}: still {Reason} (next try in {Wait:0.###} s)")]
    public static partial void StillFailing(ILogger logger, string lane, string reason, double wait);

    [LoggerMessage(120, LogLevel.Warning, "Lane {Lane} has been failing for {Lasted:g}: {Reason} ({Failures} failures so far, {Events} events wait, the first of those that failed is event {event_id}; next try in {Wait:0.###} s)")]
    public static partial void StillDown(ILogger logger, string lane, TimeSpan lasted, string reason, int failures, long events, string event_id, double wait);

    [LoggerMessage(121, LogLevel.Debug, "Lane {Lane} connected; nothing has got through yet")]
    public static partial void LaneConnectedAgain(ILogger logger, string lane);

    [LoggerMessage(122, LogLevel.Information, "Lane {Lane}: dead letters can be written again; it goes on")]
    public static partial void DeadLettersWrittenAgain(ILogger logger, string lane);

    [LoggerMessage(123, LogLevel.Warning, "Lane {Lane} sends no new events: those that fail again and again ({Reason}) have left gaps, and beyond {Limit} ranges of delivered events behind the oldest that is not, a lane reads no further. Mend what refuses them; LaneOptions.MaxAge gives such events up in time. Said once an episode")]
    public static partial void LaneHeldUp(ILogger logger, string lane, int limit, string reason);

    [LoggerMessage(103, LogLevel.Information, "Lane {Lane} flows again after {Failures} failures")]
    public static partial void LaneRecovered(ILogger logger, string lane, int failures);

    [LoggerMessage(104, LogLevel.Error, "Lane {Lane}: event {event_id} is a dead letter: {Reason}")]
    public static partial void DeadLettered(ILogger logger, string lane, string event_id, string reason);

    [LoggerMessage(105, LogLevel.Error, "Lane {Lane} drops events ({Reason}): it was furthest behind and did not flow while the journal was full, or is over its own limit. Said once an episode")]
    public static partial void Dropping(ILogger logger, string lane, string reason);

    [LoggerMessage(106, LogLevel.Error, "Lane {Lane} is detached: {Reason}. Resume it when the cause is mended")]
    public static partial void LaneDetached(ILogger logger, string lane, string reason);

    [LoggerMessage(107, LogLevel.Warning, "Lane {Lane}: {Reason}; its instance is abandoned ({Running} still running)")]
    public static partial void CallAbandoned(ILogger logger, string lane, string reason, int running);

    [LoggerMessage(108, LogLevel.Warning, "Lane {Lane}: the publisher failed while it was disposed: {Reason}")]
    public static partial void DisposeFailed(ILogger logger, string lane, string reason);

    [LoggerMessage(109, LogLevel.Debug, "Lane {Lane}: {Events} events delivered")]
    public static partial void BatchDelivered(ILogger logger, string lane, int events);

    [LoggerMessage(110, LogLevel.Warning, "Lane {Lane}: its dead letters are full; the oldest is lost. Replay or remove some. Said once")]
    public static partial void DeadLettersFull(ILogger logger, string lane);

    [LoggerMessage(111, LogLevel.Trace, "Lane {Lane}: event {event_id} delivered")]
    public static partial void EventDelivered(ILogger logger, string lane, string event_id);

    [LoggerMessage(130, LogLevel.Warning, "Lane {Lane} waits: {Reason}")]
    public static partial void LaneBlocked(ILogger logger, string lane, string reason);

    [LoggerMessage(131, LogLevel.Information, "Lane {Lane}: the destination takes events again")]
    public static partial void LaneUnblocked(ILogger logger, string lane);

    [LoggerMessage(132, LogLevel.Warning, "Lane {Lane}: {Reason} Nothing was under way (next try in {Wait:0.###} s)")]
    public static partial void ConnectionLost(ILogger logger, string lane, string reason, double wait);

    [LoggerMessage(133, LogLevel.Error, "Lane {Lane}: {Reason}. It waits there and passes over nothing; other lanes go on (next try in {Wait:0.###} s). Look at the disk. Should that part be lost, 'evbus journal repair' names what is lost with it")]
    public static partial void LogUnreadable(ILogger logger, string lane, string reason, double wait);

    [LoggerMessage(112, LogLevel.Critical, "Lane {Lane} stopped by a defect of the bus; its events stay queued")]
    public static partial void LaneFailed(ILogger logger, string lane, Exception exception);

    [LoggerMessage(114, LogLevel.Information, "Lane {Lane}: its profile has changed; the publisher made of it takes over")]
    public static partial void LaneRotated(ILogger logger, string lane);

    [LoggerMessage(115, LogLevel.Warning, "Lane {Lane}: {Reason} (next try in {Wait:0.###} s). Correct the profile, or mend what it names")]
    public static partial void RotationFailed(ILogger logger, string lane, string reason, double wait);

    [LoggerMessage(116, LogLevel.Warning, "Lane {Lane} is an orphan: its profile is gone. {Events} events stay queued until it comes back or the lane is released")]
    public static partial void LaneOrphaned(ILogger logger, string lane, long events);

    [LoggerMessage(117, LogLevel.Information, "Lane {Lane}: its profile is back; {Events} events were queued")]
    public static partial void LaneAdopted(ILogger logger, string lane, long events);

    [LoggerMessage(118, LogLevel.Information, "Lane {Lane}, an orphan for {Retention}, is released; it had nothing queued")]
    public static partial void OrphanReleased(ILogger logger, string lane, TimeSpan retention);

    [LoggerMessage(119, LogLevel.Error, "Lane {Lane}, an orphan for {Retention}, is released: {Events} events are dropped (orphaned)")]
    public static partial void OrphanDropped(ILogger logger, string lane, TimeSpan retention, long events);

    [LoggerMessage(140, LogLevel.Error, "Lane {Lane}: {Count} events beyond its limit cannot be kept as dead letters ({Reason}) and are dropped")]
    public static partial void GivenUpNotKept(ILogger logger, string lane, int count, string reason);

    [LoggerMessage(141, LogLevel.Error, "Lane {Lane}: its filter threw {Type} ({Reason}); what it throws for counts as meant for the lane. Said once")]
    public static partial void FilterFailed(ILogger logger, string lane, string type, string reason);

    [LoggerMessage(200, LogLevel.Warning, "Publisher {Publisher} needs a profile and found none, so it has no lane. Add one under '{Publisher}:' where profiles come from (the acct file, the configuration)")]
    public static partial void NoProfile(ILogger logger, string publisher);

    [LoggerMessage(201, LogLevel.Warning, "Profiles under '{Provider}:' are not used: no publisher goes by that name here.{Hint} They come from {Source}. Known: {Known}")]
    public static partial void UnknownProvider(ILogger logger, string provider, string hint, string source, string known);

    [LoggerMessage(202, LogLevel.Information, "Profiles read again; new lanes: {Added}, changed: {Changed}, without a profile: {Gone}, with their profile back: {Back}")]
    public static partial void ProfilesReloaded(ILogger logger, int added, int changed, int gone, int back);

    [LoggerMessage(203, LogLevel.Error, "Changed profiles are not used, the old ones stay: {Reason}. Said once for each cause")]
    public static partial void ReloadFailed(ILogger logger, string reason);

    [LoggerMessage(300, LogLevel.Error, "Journal: {Length} bytes from byte {At} of the log cannot be read ({What}); {Events} events are lost with them. Run 'evbus journal check'")]
    public static partial void JournalDamaged(ILogger logger, long at, long length, long events, string what);

    [LoggerMessage(301, LogLevel.Warning, "Journal: the checkpoint of '{Path}' is missing or damaged; counts are taken from the log again")]
    public static partial void CheckpointLost(ILogger logger, string path);

    [LoggerMessage(302, LogLevel.Warning, "Journal: {Note}")]
    public static partial void JournalRecovered(ILogger logger, string note);

    [LoggerMessage(303, LogLevel.Error, "Journal: the cursor '{Name}' is damaged in all its slots; its lane begins again at the oldest event there is, so events come twice")]
    public static partial void CursorLost(ILogger logger, string name);

    [LoggerMessage(304, LogLevel.Critical, "Journal: it cannot write ({Reason}) and accepts nothing any more; lanes deliver what is committed. Mend the disk and start again")]
    public static partial void JournalFailed(ILogger logger, string reason);

    [LoggerMessage(305, LogLevel.Error, "Journal: no room on the disk ({Reason}); nothing is accepted until there is, lanes go on. Said once an episode")]
    public static partial void DiskFull(ILogger logger, string reason);

    [LoggerMessage(306, LogLevel.Information, "Journal: there is room on the disk again")]
    public static partial void DiskHasRoom(ILogger logger);

    [LoggerMessage(307, LogLevel.Information, "Journal '{Path}' opened: {Events} events, {Bytes} bytes, epoch {Epoch}")]
    public static partial void JournalOpened(ILogger logger, string path, long events, long bytes, ulong epoch);

    [LoggerMessage(309, LogLevel.Error, "Lane {Lane}: {Count} dead letters are damaged on disk and lost")]
    public static partial void DeadLettersDamaged(ILogger logger, string lane, int count);

    [LoggerMessage(320, LogLevel.Error, "Journal: no room on the disk for '{Name}', so a part of the reserve is given up for it; {Left} bytes of the reserve are left. Make room: without it, lanes whose dead letters cannot be written pause")]
    public static partial void ReserveGivenUp(ILogger logger, string name, long left);

    [LoggerMessage(308, LogLevel.Error, "Lane {Lane}: event {event_id} has to become a dead letter, and that cannot be written ({Reason}); the lane is paused and keeps the event. It tries again each second and goes on by itself once the disk takes it. Said once an episode")]
    public static partial void DeadLetterNotWritten(ILogger logger, string lane, string event_id, string reason);

    [LoggerMessage(321, LogLevel.Warning, "Journal: {Warning}")]
    public static partial void JournalFolderWarning(ILogger logger, string warning);

    [LoggerMessage(322, LogLevel.Error, "Journal: no file can be made ({Reason}); nothing was written, so it is tried again each second. Until then nothing is accepted, lanes go on. Said once an episode")]
    public static partial void JournalWaits(ILogger logger, string reason);

    [LoggerMessage(323, LogLevel.Information, "Journal: files can be made again")]
    public static partial void JournalGoesOn(ILogger logger);

    [LoggerMessage(324, LogLevel.Error, "Bus {Bus} stopped while its journal could not write ({Reason}): {Events} accepted events are not on disk and are lost. Mend that and put them again. Ledger: {Ledger}")]
    public static partial void StoppedUnwritten(ILogger logger, string bus, string reason, long events, string ledger);

    [LoggerMessage(325, LogLevel.Critical, "Journal: a defect of the bus ended '{Thread}'; nothing is accepted any more, lanes deliver what is committed. Start again, and report this")]
    public static partial void JournalDefect(ILogger logger, string thread, Exception exception);

    [LoggerMessage(330, LogLevel.Error, "Lane {Lane}: '{File}' is {What}, and the ledger says that {Count} events became dead letters: those not replayed or purged since are lost")]
    public static partial void DeadLettersLost(ILogger logger, string lane, string file, string what, long count);

    [LoggerMessage(331, LogLevel.Error, "Journal: {Length} bytes at the {Where} of the log, up to {Events} events from number {First} on, are in no file: segment files are missing or empty. Lanes count those they had queued there as dropped: damaged, and no number is used again. Run 'evbus journal check'")]
    public static partial void LogMissing(ILogger logger, long length, string where, long events, ulong first);

    [LoggerMessage(332, LogLevel.Warning, "Journal: '{Name}' says that the clock stood at {Made}, which is ahead of now; for retention it counts as of {Counted}")]
    public static partial void MadeInTheFuture(ILogger logger, string name, DateTimeOffset made, DateTimeOffset counted);

    [LoggerMessage(333, LogLevel.Warning, "Journal: the file 'key' of '{Path}' does not say up to where the log may be plain; from byte {At} on it may not")]
    public static partial void PlainBoundMade(ILogger logger, string path, long at);

    [LoggerMessage(400, LogLevel.Warning, "The {Kind} plugin {Plugin} is {State}: {Reason}")]
    public static partial void NoPlugin(ILogger logger, string kind, string plugin, string state, string reason);

    [LoggerMessage(401, LogLevel.Warning, "The {Kind} plugin {Plugin} is not safe: {Reason}")]
    public static partial void UnsafePlugin(ILogger logger, string kind, string plugin, string reason);
}
