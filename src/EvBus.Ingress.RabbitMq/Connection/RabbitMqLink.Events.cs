using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace EvBus.Ingress.RabbitMq;

// What the broker says between two calls, and what its silence means.
internal sealed partial class RabbitMqLink
{
    private Task Confirm(ulong tag, bool multiple, bool isAck)
    {
        if (!_ring.Confirm(tag, multiple, isAck))
            Kill($"{_dialled.Where} confirmed an event it was never sent; what was under way is sent again");
        else
            _lessons.Moved();
        return Task.CompletedTask;
    }

    private Task OnReturned(object sender, BasicReturnEventArgs e)
    {
        var id = e.BasicProperties.Headers?.TryGetValue(MessageWriter.IdHeader, out var value) == true && value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : null;
        _ring.Return(id, e.RoutingKey, tag => _returns.Judge(e, tag));
        // Not awaited: the client reads nothing from the line until this returns, and the broker's answer comes over it.
        if (_returns.MustDeclare())
            _ = Task.Run(DeclareAgainAsync);
        return Task.CompletedTask;
    }

    private async Task DeclareAgainAsync()
    {
        try
        {
            do
            {
                using var patience = new CancellationTokenSource(_options.Connection.Timeout, _context.Time);
                await Topology.DeclareAsync(_dialled.Connection, _options, _context.Destination, patience.Token).ConfigureAwait(false);
                _returns.DeclareEnded(_ring.NextTag);
            }
            while (_returns.MustDeclare());
        }
        catch (Exception e)
        {
            Kill(Reasons.Describe(e, _options, _dialled.Where));
        }
    }

    private Task OnShutdown(ShutdownEventArgs e)
    {
        Kill(Reasons.Shutdown(e, _options, _dialled.Where), e);
        return Task.CompletedTask;
    }

    private Task SetBlocked(string? reason)
    {
        _blocked = reason;
        _ring.Hold(reason is not null);
        _changed(this);
        return Task.CompletedTask;
    }

    private void Look()
    {
        var silence = _ring.Silence;
        var taken = _dialled.BytesTaken();
        // Heartbeats are less than that a second.
        if (taken - _taken >= 128 && silence is not null)
        {
            _ring.Moved();
            _lessons.Moved();
            silence = (TimeSpan.Zero, silence.Value.Length);
        }
        _taken = taken;
        if (_blocked is not null || silence is not { } quiet)
            return;
        var patience = _options.ConfirmTimeout + TimeSpan.FromSeconds((double)quiet.Length / SlowestLine);
        Volatile.Write(ref _patience, patience.Ticks);
        if (quiet.Span >= patience)
        {
            Kill($"{_dialled.Where} confirmed nothing for {(int)quiet.Span.TotalSeconds} s while {_ring.Outstanding} events waited for it, the first with {quiet.Length} bytes. "
                + "Where the broker only needs longer, give it more with confirm_timeout");
        }
    }
}
