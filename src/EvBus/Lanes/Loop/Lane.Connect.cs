using EvBus.Telemetry;

namespace EvBus.Lanes;

// How a publisher is made and connects.
internal sealed partial class Lane
{
    private async ValueTask ConnectAsync(LaneSession session)
    {
        _state = _outage.IsOn ? LaneState.Retrying : LaneState.Connecting;
        string reason;
        if (!TryBeginCall(session))
            return;
        using var connecting = session.BeginConnect();
        try
        {
            session.Publisher ??= await _definition.CreatePublisher(connecting.Token).ConfigureAwait(false);
            WatchConnection(session);
            await session.Publisher.ConnectAsync(connecting.Token).ConfigureAwait(false);
            if (!EndCall(session))
                return;
            session.IsConnected = true;
            session.ConnectedAt = Time.GetTimestamp();
            // While nothing gets through, that a connection can be made is no news: a log that says 'connected' all night says the opposite of what is so.
            if (_outage.IsConnectNews(session.WasLostIdle))
                Log.LaneConnected(Logger, Id);
            else
                Log.LaneConnectedAgain(Logger, Id);
            if (_fresh)
                Succeed();
            else if (session.WasLostIdle)
                Calm();
            _fresh = session.WasLostIdle = false;
            _state = _outage is { IsOn: true, IsCalm: false } ? LaneState.Retrying : LaneState.Flowing;
            return;
        }
        catch (Exception e)
        {
            // Whatever a plugin throws while connecting means: not now.
            reason = Secrets.Mask(e.Message);
            if (!EndCall(session) || _stopped || _orphaned || _rotation is not null || _held is not null || IsDrained(session))
                return;
        }
        var wait = Fail(session, reason, null);
        // Once for each cause: a broker that is down for a night fills no log.
        if (IsNews(reason, wait))
            Log.ConnectFailed(Logger, Id, reason, wait.TotalSeconds);
        await BackOffAsync(session, wait).ConfigureAwait(false);
    }
}
