using System.Net;

namespace EvBus.Ingress.Http;

/// <summary>
/// Sends batches as HTTP requests. Invariants: Delivered stands for a 2xx answer to the request the event was in; what was not answered is sent again; a client lives from
/// one connect to the next, so that changed certificates and addresses are seen.
/// </summary>
internal sealed class HttpPublisher(IngressContext context, HttpIngressOptions options) : IPreparingPublisher, IConnectionTest
{
    private readonly RequestWriter _writer = new(options, context.Profile?.GetBytes("secret")?.ToArray(), context.Time);

    private readonly HttpDestination _destination = new(options.Line, context, options.Probe);
    private bool _isRefused;
    private bool _isWarned;

    // The words of the outage that lasts: others at each try would make each a new one for whoever reads the log.
    private (int Code, string Reason) _outage;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        var client = _destination.Open();
        if (!_isWarned && _destination.IsReadable)
            Log.Readable(context.Logger, context.LaneId, _destination.Name);
        _isWarned = true;
        if (options.Probe is not null)
            await AskAsync(client, HttpMethod.Get, options.Probe, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        var client = _destination.Open();
        await AskAsync(client, options.Probe is null ? HttpMethod.Head : HttpMethod.Get, options.Probe ?? options.Url, cancellationToken).ConfigureAwait(false);
    }

    public PreparedSend Prepare(EventBatch batch)
    {
        var many = options.IsBatch ? _writer.Many(batch) : null;
        return cancellationToken =>
            _destination.Client is not { } client ? new(PublishResult.Disconnected($"{_destination.Name} is not connected yet."))
            : many is null ? EachAsync(client, batch, cancellationToken)
            : ManyAsync(client, many, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _destination.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<PublishResult> ManyAsync(HttpClient client, ManyEvents many, CancellationToken cancellationToken)
    {
        var each = many.Rejected;
        if (many.IsEmpty)
            return PublishResult.Mixed(each!);
        using var request = _writer.Request(many);
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        var answer = await SendAsync(client, request, end).ConfigureAwait(false);
        if (answer.Verdict == Verdict.Delivered)
            _writer.Reuse(many);
        // Refused as a whole it must be halved as a whole: verdicts on single events would bury those that nobody has looked at.
        return each is null || answer.Verdict != Verdict.Delivered ? answer : PublishResult.Mixed(each);
    }

    private async ValueTask<PublishResult> EachAsync(HttpClient client, EventBatch batch, CancellationToken cancellationToken)
    {
        var run = new Run(batch);
        if (options.Connections == 1 || batch.Count == 1)
            await GoAsync(client, run, cancellationToken).ConfigureAwait(false);
        else
            await Task.WhenAll(Enumerable.Range(0, Math.Min(options.Connections, batch.Count)).Select(_ => GoAsync(client, run, cancellationToken))).ConfigureAwait(false);
        return run.Result();
    }

    private async Task GoAsync(HttpClient client, Run run, CancellationToken cancellationToken)
    {
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        while (run.Next() is { } at)
        {
            PublishResult answer;
            try
            {
                using var request = _writer.One(run.Batch[at]);
                answer = await SendAsync(client, request, end).ConfigureAwait(false);
            }
            catch (RejectEventException e)
            {
                answer = PublishResult.Rejected(e.Message);
            }
            run.Settle(at, answer);
        }
    }

    /// <summary>Sends a request. Its verdict is the status, known as soon as the headers are there: what comes behind, or does not, changes nothing of it.</summary>
    private async ValueTask<PublishResult> SendAsync(HttpClient client, HttpRequestMessage request, Deadline end, bool isQuestion = false)
    {
        end.Begin();
        try
        {
            // Left behind, the rest of the answer is read up to a limit, so that the connection can be used again, and beyond it the connection is dropped: see HttpClients.
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token).ConfigureAwait(false);
            // That a HEAD or the probe's path is not known says nothing about events.
            var isTaken = response.IsSuccessStatusCode || (isQuestion && (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented));
            return isTaken ? Taken(request) : await JudgeAsync(response, request).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            _writer.AsksFirst |= e.InnerException is IOException && request.Content is not null;
            return PublishResult.Disconnected(_destination.Describe(e));
        }
        catch (OperationCanceledException) when (!end.IsCancelledByCaller)
        {
            return PublishResult.Disconnected(_destination.DescribeSilence());
        }
    }

    private PublishResult Taken(HttpRequestMessage request)
    {
        if (request.Headers.ExpectContinue == true)
            _writer.AsksFirst = false;
        // Written only when it changes: requests on other processors look at what stands beside it.
        if (_isRefused)
        {
            Log.Accepted(context.Logger, context.LaneId, _destination.Name);
            _isRefused = false;
        }
        if (_outage.Code != 0)
            _outage = default;
        return PublishResult.Delivered;
    }

    private async ValueTask<PublishResult> JudgeAsync(HttpResponseMessage response, HttpRequestMessage request)
    {
        var code = (int)response.StatusCode;
        if (HttpVerdicts.IsOfCredentials(response.StatusCode))
        {
            if (!_isRefused)
                Log.Refused(context.Logger, context.LaneId, _destination.Name, code);
            _isRefused = true;
            return PublishResult.Disconnected($"{_destination.Name} refuses the credentials (HTTP {code}). Correct token, username, password, secret or headers of the profile.");
        }
        if (code == 417 && request.Headers.ExpectContinue == true)
            _writer.AsksFirst = false;
        var reason = _outage.Code == code ? _outage.Reason : await _destination.DescribeAsync(response).ConfigureAwait(false);
        var result = HttpVerdicts.Of(code, reason, response, context.Time);
        if (code == (int)HttpStatusCode.UnsupportedMediaType && (options.IsBatch || options.Format == HttpFormat.CloudEvents))
            result = PublishResult.Disconnected($"{reason} It takes no requests of that kind: set another format in the profile.");
        if (result.Verdict != Verdict.Rejected)
            _outage = (code, reason);
        return result;
    }

    private async Task AskAsync(HttpClient client, HttpMethod method, Uri where, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, where);
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        var answer = await SendAsync(client, request, end, isQuestion: true).ConfigureAwait(false);
        if (answer.Verdict is Verdict.Disconnected or Verdict.Retry)
            throw new EvBusException(answer.Reason!) { IsTransient = true };
    }

    /// <summary>Events of a batch, handed out in order; after an outage no more.</summary>
    private sealed class Run(EventBatch batch)
    {
        // Delivered, as long as nothing else stands there.
        private readonly PublishResult[] _answers = new PublishResult[batch.Count];
        private int _next = -1;
        private volatile bool _isOver;

        public EventBatch Batch => batch;

        public int? Next() => !_isOver && Interlocked.Increment(ref _next) is var at && at < batch.Count ? at : null;

        public void Settle(int at, PublishResult answer)
        {
            if (answer.Verdict == Verdict.Delivered)
                return;
            _answers[at] = answer;
            if (answer.Verdict is Verdict.Retry or Verdict.Disconnected)
                _isOver = true;
        }

        public PublishResult Result()
        {
            if (Array.Find(_answers, answer => answer.Verdict is Verdict.Retry or Verdict.Disconnected) is { Reason: not null } outage)
            {
                var over = Math.Min(_next + 1, batch.Count);
                // Nothing was settled: the whole batch waits, which uses up no attempt.
                if (_answers.Take(over).All(answer => answer.Verdict is Verdict.Retry or Verdict.Disconnected))
                    return outage;
                return PublishResult.Mixed(
                    [.. _answers.Select((answer, i) => answer.Reason is null && i >= over ? new EventVerdict(outage.Verdict, outage.Reason) : new EventVerdict(answer.Verdict, answer.Reason))],
                    outage.RetryAfter);
            }
            return Array.TrueForAll(_answers, answer => answer.Verdict == Verdict.Delivered)
                ? PublishResult.Delivered
                : PublishResult.Mixed([.. _answers.Select(answer => new EventVerdict(answer.Verdict, answer.Reason))]);
        }
    }
}
