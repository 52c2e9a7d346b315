using EvBus.Telemetry;

namespace EvBus.Lanes;

// A lane whose profile is gone keeps its cursor and what it has queued, and waits for the profile to come back or for its release.
internal sealed partial class Lane
{
    private volatile bool _orphaned;

    public bool IsOrphaned => _orphaned;

    /// <summary>Nothing is for this lane any more. What is under way gets its verdict, then the publisher is closed. Twice is harmless.</summary>
    public void Orphan()
    {
        LaneSession? session;
        Rotation? rotation;
        lock (_lock)
        {
            if (_stopped || _orphaned)
                return;
            _orphaned = true;
            _detached = false;
            (session, rotation, _rotation) = (_session, _rotation, null);
        }
        _journal.Orphan();
        GiveUp(rotation);
        session?.CutConnect();
        Wake();
        Log.LaneOrphaned(Logger, Id, _journal.Measure().Queued);
    }

    /// <summary>The profile is back: first what was queued, then what comes from now on.</summary>
    public void Adopt(LaneDefinition definition)
    {
        lock (_lock)
        {
            if (_stopped || !_orphaned)
                return;
            // Its last call may not have come back yet; then its loop goes on, with the new publisher.
            if (_session is null)
                Become(definition);
            else
                _rotation = new Rotation(definition, atOnce: true);
            _orphaned = false;
            _fresh = true;
            _trouble = null;
            _state = LaneState.Connecting;
        }
        _journal.Adopt();
        Log.LaneAdopted(Logger, Id, _journal.Measure().Queued);
        StartSession();
        Wake();
    }
}
