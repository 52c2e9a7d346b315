using System.Net;

namespace EvBus.Ingress.Http;

/// <summary>
/// Sends batches as HTTP requests. Invariants: Delivered stands for a 2xx answer to the request the event was in; what was not answered is sent again; a client lives from
/// one connect to the next, so that changed certificates and addresses are seen.
/// </summary>
internal sealed class HttpPublisher(IngressContext context, HttpIngressOptions options) : IPreparingPublisher, IConnectionTest
{
    private readonly RequestWriter _writer = new(options, context.Profile?.GetBytes("secret")?.ToArray(), context.Time);

    // The rest of the URL may be a secret.
    private readonly string _name = $"{options.Url.Scheme}://{options.Url.Authority}";
    private HttpClient? _client;
    private bool _isRefused;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Close();
        _client = HttpClients.Create(options.Files, options.Connections, context.Profile);
        if (options.Probe is not null)
            await AskAsync(_client, HttpMethod.Get, options.Probe, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        using var client = HttpClients.Create(options.Files, options.Connections, context.Profile);
        await AskAsync(client, options.Probe is null ? HttpMethod.Head : HttpMethod.Get, options.Probe ?? options.Url, cancellationToken).ConfigureAwait(false);
    }

    public PreparedSend Prepare(EventBatch batch)
    {
        var many = options.IsBatch ? _writer.Many(batch) : null;
        return cancellationToken =>
            _client is null ? new(PublishResult.Disconnected($"{_name} is not connected yet."))
            : many is null ? EachAsync(_client, batch, cancellationToken)
            : ManyAsync(_client, many, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        Close();
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

    private async ValueTask<PublishResult> SendAsync(HttpClient client, HttpRequestMessage request, Deadline end)
    {
        end.Begin();
        try
        {
            // The answer is read to its end, so that the connection can be used again.
            using var response = await client.SendAsync(request, end.Token).ConfigureAwait(false);
            return Judge(response);
        }
        catch (HttpRequestException e)
        {
            return PublishResult.Disconnected($"{_name}: {e.Message}");
        }
        catch (OperationCanceledException) when (!end.IsCancelledByCaller)
        {
            return PublishResult.Disconnected($"{_name} did not answer within {options.Timeout.TotalSeconds:0} s.");
        }
    }

    private PublishResult Judge(HttpResponseMessage response)
    {
        var code = (int)response.StatusCode;
        if (response.IsSuccessStatusCode)
        {
            // Written only when it changes: requests on other processors look at what stands beside it.
            if (_isRefused)
            {
                Log.Accepted(context.Logger, context.LaneId, _name);
                _isRefused = false;
            }
            return PublishResult.Delivered;
        }
        var reason = $"{_name} answered HTTP {code}.";
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                if (!_isRefused)
                    Log.Refused(context.Logger, context.LaneId, _name, code);
                _isRefused = true;
                return PublishResult.Disconnected($"{_name} refuses the credentials (HTTP {code}). Correct token, username, password, secret or headers of the profile.");
            case HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.RequestTimeout:
                return PublishResult.Retry(reason, HttpKeys.RetryAfter(response, context.Time));
            default:
                return HttpKeys.Verdict(code, reason);
        }
    }

    private async Task AskAsync(HttpClient client, HttpMethod method, Uri where, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, where);
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        var answer = await SendAsync(client, request, end).ConfigureAwait(false);
        // That a HEAD or the probe's path is not known says nothing about events.
        if (answer.Verdict is Verdict.Disconnected or Verdict.Retry)
            throw new EvBusException(answer.Reason!) { IsTransient = true };
    }

    private void Close()
    {
        _client?.Dispose();
        _client = null;
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
