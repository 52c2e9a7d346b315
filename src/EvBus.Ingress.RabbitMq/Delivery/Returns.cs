using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// What becomes of messages that the broker gives back. With <c>declare: active</c> somebody may have deleted what was declared at the connect: it is declared once more, and the event tried again. What
/// comes back even then has no queue by the profile's own fault, and is rejected.
/// </summary>
internal sealed class Returns(TimeProvider time, RabbitMqOptions options, string? destination)
{
    /// <summary>For so long a routing key that came back in spite of declaring is rejected at once.</summary>
    private static readonly TimeSpan s_belief = TimeSpan.FromMinutes(1);

    private const int MostKeys = 256;

    private readonly Lock _lock = new();
    private readonly bool _declares = options.Declare == RabbitMqDeclare.Active && Topology.WouldDeclare(options, destination);
    private readonly Dictionary<string, Tried> _tried = new(StringComparer.Ordinal);
    private bool _isDeclaring;
    private bool _isWanted;
    private long _began;

    /// <summary>Whether to declare now. Whoever is told so does it, and says when it is done.</summary>
    public bool MustDeclare()
    {
        lock (_lock)
        {
            if (!_isWanted || _isDeclaring)
                return false;
            (_isWanted, _isDeclaring, _began) = (false, true, time.GetTimestamp());
            return true;
        }
    }

    /// <param name="next">Messages with this tag and later ones are published after it.</param>
    public void DeclareEnded(ulong next)
    {
        lock (_lock)
        {
            _isDeclaring = false;
            // What came back while it ran came too late for it, perhaps.
            foreach (var (key, tried) in _tried.Where(each => each.Value.Since is null && each.Value.At <= _began).ToList())
                _tried[key] = tried with { Since = next };
        }
    }

    /// <summary>The verdict on a message that was given back.</summary>
    public (string Reason, bool IsRetry) Judge(BasicReturnEventArgs e, ulong tag)
    {
        var reason = Reasons.Unroutable(e.ReplyCode, e.ReplyText, e.Exchange, e.RoutingKey, canDeclare: options.Declare != RabbitMqDeclare.Active && Topology.WouldDeclare(options, destination));
        if (!_declares || e.ReplyCode != Constants.NoRoute)
            return (reason, false);
        lock (_lock)
        {
            if (_tried.TryGetValue(e.RoutingKey, out var tried) && (tried.Since is null || time.GetElapsedTime(tried.At) < s_belief))
            {
                return tried.Since is null || tag < tried.Since
                    ? ($"{reason}. It is declared again", true)
                    : ($"{reason}; declaring it again did not help", false);
            }
            if (_tried.Count >= MostKeys)
            {
                foreach (var (key, _) in _tried.Where(each => time.GetElapsedTime(each.Value.At) >= s_belief).ToList())
                    _tried.Remove(key);
            }
            if (_tried.Count >= MostKeys)
                return (reason, false);
            _tried[e.RoutingKey] = new Tried(time.GetTimestamp(), null);
            _isWanted = true;
            return ($"{reason}. It is declared again", true);
        }
    }

    private readonly record struct Tried(long At, ulong? Since);
}
