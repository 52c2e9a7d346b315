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

    public BusMeters(IEventBus bus, SteadyLogger log, IMeterFactory? factory = null)
    {
        _bus = bus;
        var options = new MeterOptions(EvBusTelemetry.MeterName) { Version = EvBusTelemetry.Version };
        // A host's factory keeps the meters of two hosts in one process apart.
        _meter = factory?.Create(options) ?? new Meter(options);
        _meter.CreateObservableCounter("evbus.accepted", () => Bus(status => status.Accepted), "{event}", "Events accepted at the door");
        _meter.CreateObservableCounter("evbus.unmatched", () => Bus(status => status.Unmatched), "{event}", "Events accepted that no lane wanted");
        _meter.CreateObservableCounter("evbus.refused", Refused, "{event}", "Events refused at the door, by reason");
        _meter.CreateObservableCounter("evbus.lane.matched", () => Lanes(lane => lane.Matched), "{event}", "Events meant for the lane");
        _meter.CreateObservableCounter("evbus.lane.delivered", () => Lanes(lane => lane.Delivered), "{event}", "Events the destination confirmed");
        _meter.CreateObservableUpDownCounter("evbus.lane.dead", () => Lanes(lane => lane.Dead), "{event}", "Events that are dead letters");
        _meter.CreateObservableCounter("evbus.lane.dropped", Dropped, "{event}", "Events given up by policy, by reason");
        _meter.CreateObservableCounter("evbus.lane.retried", () => Lanes(lane => lane.Retried), "{event}", "Deliveries tried again");
        _meter.CreateObservableGauge("evbus.lane.lag.events", () => Lanes(lane => lane.Queued), "{event}", "Events not yet through");
        _meter.CreateObservableGauge("evbus.lane.lag.bytes", () => Lanes(lane => lane.QueuedBytes), "By", "Bytes of the records not yet through");
        _meter.CreateObservableGauge("evbus.lane.lag.seconds", LagSeconds, "s", "Age of the oldest event not yet through");
        _meter.CreateObservableCounter("evbus.log.failed", () => Bus(_ => log.Failures), "{record}", "Log records of the bus that its log could not take");
        _meter.CreateObservableGauge("evbus.lane.flowing", () => Lanes(lane => lane.State == LaneState.Flowing && lane.TroubleSince is null ? 1 : 0), "1", "1 while calls go through");
        _meter.CreateObservableGauge("evbus.journal.accepting", () => Bus(status => status.JournalTrouble is null ? 1 : 0), "1", "0 while the journal accepts nothing: it cannot write, or its disk is full");
        _meter.CreateObservableGauge("evbus.puts.waiting", () => Bus(status => status.PutsWaiting), "{put}", "Puts that wait for room");
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Bus(Func<BusStatus, long> value) => [new(value(_bus.GetStatus()), new KeyValuePair<string, object?>("bus", _bus.Name))];

    private IEnumerable<Measurement<long>> Refused() =>
        _bus.GetStatus().Refused.Select(pair => new Measurement<long>(pair.Value, new("bus", _bus.Name), new("reason", pair.Key.ToString())));

    private IEnumerable<Measurement<long>> Lanes(Func<LaneStatus, long> value) =>
        _bus.GetStatus().Lanes.Select(lane => new Measurement<long>(value(lane), new("bus", _bus.Name), new("lane", lane.Id)));

    private IEnumerable<Measurement<long>> Dropped() =>
        _bus.GetStatus().Lanes.SelectMany(lane => lane.DroppedByReason.Select(
            pair => new Measurement<long>(pair.Value, new("bus", _bus.Name), new("lane", lane.Id), new("reason", pair.Key))));

    private IEnumerable<Measurement<double>> LagSeconds() =>
        _bus.GetStatus().Lanes.Select(lane => new Measurement<double>(lane.OldestAge.TotalSeconds, new("bus", _bus.Name), new("lane", lane.Id)));
}
