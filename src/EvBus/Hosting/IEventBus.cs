namespace EvBus;

/// <summary>
/// The bus: accepts an event once, and every lane that wants it carries it to its publisher. All members may be called from
/// any thread, also concurrently; what one thread puts stays in its order.
/// </summary>
/// <remarks>
/// Before the start puts are kept, in order, and delivered after it. After the stop they are refused with
/// <see cref="RefusalReason.Stopped"/>: nothing throws.
/// </remarks>
public interface IEventBus
{
    /// <summary>The name of this bus; <c>default</c> unless there are several in one host.</summary>
    string Name { get; }

    /// <summary>What turns objects into bodies where a call names none. Default: <see cref="EventSerializer.Json"/>.</summary>
    EventSerializer Serializer { get; }

    /// <summary>The lanes: looked at, paused, resumed, added and removed while the bus runs.</summary>
    ILanes Lanes { get; }

    /// <summary>
    /// Puts an event on the bus. Completes when the receipt is in; waits while the journal is full, if the door's policy is to block.
    /// </summary>
    /// <param name="evt">The event. Its memory is copied before the call returns to the caller's control of it.</param>
    /// <param name="receipt">What to wait for. Default: acceptance.</param>
    /// <param name="cancellationToken">Before acceptance: cancels the put. After acceptance: ends the wait only; the event stays accepted.</param>
    /// <returns>What became of it; a refusal is a value, not an exception.</returns>
    /// <exception cref="NotSupportedException">The receipt asks for what this journal cannot promise (durable, in memory).</exception>
    ValueTask<PutResult> PutAsync(BusEvent evt, Receipt receipt = default, CancellationToken cancellationToken = default);

    /// <summary>Puts events in order, each copied once. Accepts a prefix: all of them, or as many as there was room and time for. A cancelled call answers so too, with <see cref="RefusalReason.TimedOut"/>: what was accepted is said, and not lost in an exception.</summary>
    /// <returns>How many were accepted, and why the next one was not.</returns>
    ValueTask<PutManyResult> PutManyAsync(IReadOnlyList<BusEvent> events, CancellationToken cancellationToken = default);

    /// <summary>Puts an event without ever waiting: where <see cref="PutAsync"/> would wait, the answer is <see cref="RefusalReason.Full"/>.</summary>
    PutResult TryPut(BusEvent evt);

    /// <summary>As <see cref="TryPut(BusEvent)"/>, from bytes that are copied straight into the journal: no object per event.</summary>
    /// <param name="body">The body's bytes.</param>
    /// <param name="attributes">What the event says about itself; make it once and hand it over by reference.</param>
    PutResult TryPut(ReadOnlySpan<byte> body, in EventAttributes attributes);

    /// <summary>The ledger and the state of every lane, at this moment. Cheap enough to ask for once a second.</summary>
    BusStatus GetStatus();
}

/// <summary>The lanes of a bus. All members may be called from any thread.</summary>
public interface ILanes
{
    /// <summary>The ids of all lanes, in the order they were added.</summary>
    IReadOnlyList<string> Ids { get; }

    /// <summary>Adds a lane while the bus runs. It starts at now unless its options say otherwise.</summary>
    /// <param name="lane">What the lane is: an id, a publisher, who it is for.</param>
    /// <param name="cancellationToken">Cancels the wait, not the adding.</param>
    /// <exception cref="ArgumentException">There is a lane of that id already.</exception>
    /// <exception cref="InvalidOperationException">The bus is stopping or has stopped.</exception>
    ValueTask AddAsync(LaneDefinition lane, CancellationToken cancellationToken = default);

    /// <summary>Stops a lane and forgets it. What it had queued is counted as dropped (<see cref="DropReasons.Removed"/>).</summary>
    /// <returns>False when there is no such lane.</returns>
    ValueTask<bool> RemoveAsync(string laneId, CancellationToken cancellationToken = default);

    /// <summary>Stops reading after the batch that is under way. What arrives is queued.</summary>
    /// <param name="selector">A lane id, or a pattern of ids such as <c>kafka/*</c>.</param>
    /// <returns>How many lanes it concerned.</returns>
    int Pause(string selector);

    /// <summary>Lets paused and detached lanes go on where they stopped.</summary>
    /// <param name="selector">A lane id, or a pattern of ids.</param>
    /// <returns>How many lanes it concerned.</returns>
    int Resume(string selector);

    /// <summary>
    /// Lets a lane go back: what it was through with since that place is delivered again, and moves from delivered to queued (what was given up is matched
    /// anew). What is under way gets its verdict first; what waits for another try is tried as if new. A paused lane stays paused. Concurrent calls for one lane wait for each other.
    /// </summary>
    /// <param name="laneId">The lane.</param>
    /// <param name="to">Where to. In memory only what some lane still has to read is kept, on disk also what <see cref="JournalOptions.Retain"/> says.</param>
    /// <param name="cancellationToken">Ends the wait for what is under way; nothing has moved then.</param>
    /// <returns>How many events it gets again; 0 when it is not beyond that place.</returns>
    /// <exception cref="EvBusException">The journal does not keep that place (the message says what its oldest time is), or the lane is detached or an orphan.</exception>
    /// <exception cref="ArgumentException">There is no such lane.</exception>
    ValueTask<long> RewindAsync(string laneId, LanePlace to, CancellationToken cancellationToken = default);

    /// <summary>Lets a lane pass over what it has queued up to a place: counted as dropped (<see cref="DropReasons.Skipped"/>), and so answered to whoever waits for its delivery. Otherwise as <see cref="RewindAsync"/>.</summary>
    /// <param name="laneId">The lane.</param>
    /// <param name="to">Where to; <see cref="LanePlace.Now"/> skips everything accepted so far.</param>
    /// <param name="cancellationToken">Ends the wait for what is under way; nothing has moved then.</param>
    /// <returns>How many events were skipped; 0 when it is beyond that place already.</returns>
    /// <exception cref="EvBusException">The journal has no such place, or the lane is detached or an orphan.</exception>
    /// <exception cref="ArgumentException">There is no such lane.</exception>
    ValueTask<long> SkipAsync(string laneId, LanePlace to, CancellationToken cancellationToken = default);

    /// <summary>Waits until a lane is through with everything accepted before this call; what comes meanwhile is queued as ever. A paused lane, or one whose destination is away, makes it wait.</summary>
    /// <param name="laneId">The lane.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">There is no such lane.</exception>
    /// <exception cref="EvBusException">The lane ended before it was through.</exception>
    ValueTask DrainAsync(string laneId, CancellationToken cancellationToken = default);

    /// <summary>The dead letters of a lane, oldest first.</summary>
    IReadOnlyList<DeadLetter> GetDeadLetters(string laneId);

    /// <summary>Puts dead letters back at the end of their own lane, with the same ids.</summary>
    /// <param name="laneId">The lane.</param>
    /// <param name="which">Which of them. Default: all.</param>
    /// <returns>How many went back.</returns>
    int ReplayDeadLetters(string laneId, Func<DeadLetter, bool>? which = null);
}
