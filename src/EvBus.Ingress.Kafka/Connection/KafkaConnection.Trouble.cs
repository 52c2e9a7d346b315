using System.Globalization;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

// What goes wrong without being about one event: overdue confirmations, and what the client says of its brokers.
internal sealed partial class KafkaConnection
{
    /// <summary>
    /// The client itself would give up record by record and send on what is behind them. So it is left more time than there is, and all of it ends here at once.
    /// </summary>
    private void Watch()
    {
        lock (_listLock)
        {
            if (_open.Count == 0)
                ProbeIdle();
            // A report is a sign of life: on a slow line large events come one after the other.
            var reports = _tuning.Reports;
            if (reports != _seenReports)
                (_seenReports, _lastReport) = (reports, Now);
            if (_open.All(batch => _context.Time.GetElapsedTime(Math.Max(batch.Began, _lastReport)) < _tuning.MessageTimeout))
                return;
        }
        Break($"the brokers confirmed nothing for {_tuning.MessageTimeout.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s{(_lastError is { } why ? $": {why}" : "")}", Breach.TimedOut);
    }

    // Under the list's lock.
    private long _seenReports;
    private long _lastReport;

    private void OnError(Error error)
    {
        var words = KafkaErrors.Words(error, "", _options);
        if (KafkaErrors.IsLogin(error.Code) || (KafkaErrors.IsTls(error) && !_isReady))
        {
            _refusal.TrySetResult(words);
            Break(words, Breach.Other);
        }
        else if (error.Code == ErrorCode.Local_GaplessGuarantee)
        {
            // The report on the request that failed says why, and comes next.
        }
        else if (error.IsFatal)
        {
            Break(string.Create(CultureInfo.InvariantCulture, $"the producer cannot go on: {words}"), Breach.Other);
        }
        else if (error.Code == ErrorCode.Local_AllBrokersDown)
        {
            if (!_isReady)
                _away.TrySetResult(_lastError ?? words);
            if (!_isReady || _saidAway)
                return;
            _saidAway = true;
            Log.BrokersAway(_context.Logger, _context.LaneId, _options.Client.Servers, _lastError ?? words);
        }
        else
        {
            _lastError = KafkaErrors.OfABroker(error, _options);
        }
    }
}
