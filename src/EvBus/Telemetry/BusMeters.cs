using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace EvBus.Telemetry;

/// <summary>
/// The ledger as metrics of the meter <c>EvBus</c>. All are observed: they cost nothing until somebody listens, and one look at the
/// status answers them. Names are part of the public face (docs/operations.md).
/// </summary>
internal sealed class BusMeters : IDisposable
{
    public const string MeterName = EvBusTelemetry.MeterName;

    private readonly Meter _meter;
    private readonly IEventBus _bus;
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    private BusStatus? _status;
    private long _taken;

    public BusMeters(IEventBus bus, SteadyLogger log, IMeterFactory? factory = null)
    {
        _bus = bus;
        var options = new MeterOptions(EvBusTelemetry.MeterName) { Version = EvBusTelemetry.Version };
        // A host's factory keeps the meters of two hosts in one process apart.
        _meter = factory?.Create(options) ?? new Meter(options);
        _meter.CreateObservableCounter("evbus.accepted", () => Bus("evbus.accepted", status => status.Accepted), "{event}", "Events accepted at the door");
        _meter.CreateObservableCounter("evbus.unmatched", () => Bus("evbus.unmatched", status => status.Unmatched), "{event}", "Events accepted that no lane wanted");
        _meter.CreateObservableCounter("evbus.refused", Refused, "{event}", "Events refused at the door, by reason");
        _meter.CreateObservableCounter("evbus.lane.matched", () => Lanes("evbus.lane.matched", lane => lane.Matched), "{event}", "Events meant for the lane");
        _meter.CreateObservableCounter("evbus.lane.delivered", () => Lanes("evbus.lane.delivered", lane => lane.Delivered + lane.Rewound), "{event}", "Events the destination confirmed; those delivered again after a rewind count again");
        _meter.CreateObservableCounter("evbus.lane.rewound", () => Lanes("evbus.lane.rewound", lane => lane.Rewound), "{event}", "Delivered events that a rewind has queued again");
        _meter.CreateObservableCounter("evbus.lane.replayed", () => Lanes("evbus.lane.replayed", lane => lane.Replayed), "{event}", "Dead letters that were queued again");
        _meter.CreateObservableUpDownCounter("evbus.lane.dead", () => Lanes("evbus.lane.dead", lane => lane.Dead), "{event}", "Events that are dead letters");
        _meter.CreateObservableCounter("evbus.lane.dropped", Dropped, "{event}", "Events given up by policy, by reason");
        _meter.CreateObservableCounter("evbus.lane.retried", () => Lanes("evbus.lane.retried", lane => lane.Retried), "{event}", "Deliveries tried again");
        _meter.CreateObservableGauge("evbus.lane.lag.events", () => Lanes("evbus.lane.lag.events", lane => lane.Queued), "{event}", "Events not yet through");
        _meter.CreateObservableGauge("evbus.lane.lag.bytes", () => Lanes("evbus.lane.lag.bytes", lane => lane.QueuedBytes), "By", "Bytes of the records not yet through");
        _meter.CreateObservableGauge("evbus.lane.lag.seconds", LagSeconds, "s", "Age of the oldest event not yet through");
        _meter.CreateObservableCounter("evbus.log.failed", () => Bus("evbus.log.failed", _ => log.Failures), "{record}", "Log records of the bus that its log could not take");
        _meter.CreateObservableGauge("evbus.lane.flowing", () => Lanes("evbus.lane.flowing", lane => lane.State == LaneState.Flowing && lane.TroubleSince is null ? 1 : 0), "1", "1 while calls go through");
        _meter.CreateObservableGauge("evbus.journal.accepting", () => Bus("evbus.journal.accepting", status => status.JournalTrouble is null ? 1 : 0), "1", "0 while the journal accepts nothing: it cannot write, or its disk is full");
        _meter.CreateObservableGauge("evbus.puts.waiting", () => Bus("evbus.puts.waiting", status => status.PutsWaiting), "{put}", "Puts that wait for room");
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>One status for all instruments of a collection: it is taken anew when one asks for the second time, or a second later.</summary>
    private BusStatus Look(string instrument)
    {
        lock (_asked)
        {
            if (_status is null || !_asked.Add(instrument) || Stopwatch.GetElapsedTime(_taken) > TimeSpan.FromSeconds(1))
            {
                _asked.Clear();
                _asked.Add(instrument);
                (_status, _taken) = (_bus.GetStatus(), Stopwatch.GetTimestamp());
            }
            return _status;
        }
    }

    private IEnumerable<Measurement<long>> Bus(string instrument, Func<BusStatus, long> value) => [new(value(Look(instrument)), new KeyValuePair<string, object?>("bus", _bus.Name))];

    private IEnumerable<Measurement<long>> Refused() =>
        Look("evbus.refused").Refused.Select(pair => new Measurement<long>(pair.Value, new("bus", _bus.Name), new("reason", pair.Key.ToString())));

    private IEnumerable<Measurement<long>> Lanes(string instrument, Func<LaneStatus, long> value) =>
        Look(instrument).Lanes.Select(lane => new Measurement<long>(value(lane), new("bus", _bus.Name), new("lane", lane.Id)));

    private IEnumerable<Measurement<long>> Dropped() =>
        Look("evbus.lane.dropped").Lanes.SelectMany(lane => lane.DroppedByReason.Select(
            pair => new Measurement<long>(pair.Value, new("bus", _bus.Name), new("lane", lane.Id), new("reason", pair.Key))));

    private IEnumerable<Measurement<double>> LagSeconds() =>
        Look("evbus.lane.lag.seconds").Lanes.Select(lane => new Measurement<double>(lane.OldestAge.TotalSeconds, new("bus", _bus.Name), new("lane", lane.Id)));
}
