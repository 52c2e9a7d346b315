using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using EvBus.Ingress.Http;

namespace EvBus.Ingress.Otlp;

/// <summary>
/// Sends a batch as one OTLP request. Invariants: Delivered stands for a collector's 2xx answer that refuses no record; what was not answered is sent again; a request owns its bytes until it
/// was answered, for the client may read them after its call was given up.
/// </summary>
internal sealed class OtlpPublisher(IngressContext context, OtlpIngressOptions options) : IPreparingPublisher, IConnectionTest
{
    private readonly LogsWriter _writer = new(options);
    private readonly ConcurrentQueue<ProtoWriter> _free = new();

    // The rest of the URL may be a secret.
    private readonly string _name = $"{options.Url.Scheme}://{options.Url.Authority}";
    private HttpClient? _client;
    private bool _isRefused;
    private string _warning = "";

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        Close();
        _client = HttpClients.Create(options.Files, connections: 1, context.Profile);
        await AskAsync(_client, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken)
    {
        using var client = HttpClients.Create(options.Files, connections: 1, context.Profile);
        await AskAsync(client, cancellationToken).ConfigureAwait(false);
    }

    public PreparedSend Prepare(EventBatch batch)
    {
        var records = _free.TryDequeue(out var free) ? free : new ProtoWriter();
        var count = _writer.Write(batch, records, out var each);
        var body = Body(records.Written);
        return SendAsync;

        async ValueTask<PublishResult> SendAsync(CancellationToken cancellationToken)
        {
            if (_client is null)
                return PublishResult.Disconnected($"{_name} is not connected yet.");
            if (count == 0)
                return PublishResult.Mixed(each!);
            var answer = await PostAsync(_client, body, count, cancellationToken).ConfigureAwait(false);
            if (answer.Verdict == Verdict.Delivered)
                _free.Enqueue(records);
            // Refused as a whole it must be halved as a whole: verdicts on single events would bury those that nobody has looked at.
            return each is null || answer.Verdict != Verdict.Delivered ? answer : PublishResult.Mixed(each);
        }
    }

    public ValueTask DisposeAsync()
    {
        Close();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<PublishResult> PostAsync(HttpClient client, ReadOnlyMemory<byte> body, int count, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Url) { Content = Content(body) };
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        end.Begin();
        try
        {
            using var response = await client.SendAsync(request, end.Token).ConfigureAwait(false);
            var said = await response.Content.ReadAsByteArrayAsync(end.Token).ConfigureAwait(false);
            return Judge(response, said, count);
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

    private ReadOnlyMemory<byte> Body(ReadOnlyMemory<byte> records) => options.IsCompressed ? Compress(records.Span) : records;

    private ReadOnlyMemoryContent Content(ReadOnlyMemory<byte> body)
    {
        var content = new ReadOnlyMemoryContent(body);
        content.Headers.ContentType = new("application/x-protobuf");
        if (options.IsCompressed)
            content.Headers.ContentEncoding.Add("gzip");
        return content;
    }

    private static byte[] Compress(ReadOnlySpan<byte> records)
    {
        using var target = new MemoryStream();
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest))
            gzip.Write(records);
        return target.ToArray();
    }

    private PublishResult Judge(HttpResponseMessage response, byte[] body, int count)
    {
        var code = (int)response.StatusCode;
        var type = response.Content.Headers.ContentType?.MediaType;
        if (response.IsSuccessStatusCode)
            return LogsAnswer.TryRead(body, type, out var answer)
                ? Taken(answer, count)
                : PublishResult.Disconnected($"{_name} answered HTTP {code} with something that is no OTLP answer. Set url to a collector's OTLP/HTTP receiver.");
        var words = LogsAnswer.ReadStatus(body, type);
        var reason = words.Length == 0 ? $"{_name} answered HTTP {code}." : $"{_name} answered HTTP {code}: {words}";
        switch (response.StatusCode)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                if (!_isRefused)
                    Log.Refused(context.Logger, context.LaneId, _name, code);
                _isRefused = true;
                return PublishResult.Disconnected($"{_name} refuses the credentials (HTTP {code}). Correct token, username, password or headers of the profile.");
            case HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or HttpStatusCode.RequestTimeout:
                return PublishResult.Retry(reason, HttpKeys.RetryAfter(response, context.Time));
            case HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.UnsupportedMediaType:
                return PublishResult.Disconnected($"{reason} Nothing takes OTLP logs there: set url to where a collector does, such as http://localhost:4318/v1/logs.");
            default:
                return HttpKeys.Verdict(code, reason);
        }
    }

    private PublishResult Taken(LogsAnswer answer, int count)
    {
        if (_isRefused)
            Log.Accepted(context.Logger, context.LaneId, _name);
        _isRefused = false;
        // Nobody says which: the lane finds them, one by one. See docs/decisions/otlp.md.
        if (answer.Rejected > 0 && count > 0)
            return PublishResult.Rejected($"{_name} rejected {answer.Rejected} of {count} log records{(answer.Message.Length == 0 ? "." : $": {answer.Message}")}");
        if (answer.Message.Length > 0 && answer.Message != _warning)
            Log.Warned(context.Logger, context.LaneId, _name, answer.Message);
        _warning = answer.Message;
        return PublishResult.Delivered;
    }

    // A request without records: whoever takes OTLP answers it, and nothing comes of it.
    private async Task AskAsync(HttpClient client, CancellationToken cancellationToken)
    {
        var answer = await PostAsync(client, Body(ReadOnlyMemory<byte>.Empty), 0, cancellationToken).ConfigureAwait(false);
        // That nothing is not taken says nothing about events.
        if (answer.Verdict is Verdict.Disconnected or Verdict.Retry)
            throw new EvBusException(answer.Reason!) { IsTransient = true };
    }

    private void Close()
    {
        _client?.Dispose();
        _client = null;
    }
}
