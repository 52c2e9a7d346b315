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

    // An answer has no business to be longer.
    private const int MostAnswer = 1 << 20;

    // Of more than this the memory is given back: one large batch is no reason to keep it for ever.
    private const int MostKept = 4 << 20;

    private const int LargeBody = 16 << 10;

    private readonly HttpDestination _destination = new(options.Line, context);
    private bool _isRefused;
    private bool _isWarned;
    private bool _isUnreadSaid;
    private string _warning = "";

    // As the HTTP publisher: a request that is refused while it is on its way asks first the next time.
    private bool _asksFirst;

    // The words of the outage that lasts: others at each try would make each a new one for whoever reads the log.
    private (int Code, string Reason) _outage;

    public async ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        var client = _destination.Open();
        if (!_isWarned && _destination.IsReadable)
            Log.Readable(context.Logger, context.LaneId, _destination.Name);
        _isWarned = true;
        await AskAsync(client, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask TestAsync(CancellationToken cancellationToken) => await AskAsync(_destination.Open(), cancellationToken).ConfigureAwait(false);

    public PreparedSend Prepare(EventBatch batch)
    {
        var records = _free.TryDequeue(out var free) ? free : new ProtoWriter();
        var count = _writer.Write(batch, records, out var each);
        var body = Body(records.Written);
        return SendAsync;

        async ValueTask<PublishResult> SendAsync(CancellationToken cancellationToken)
        {
            if (_destination.Client is not { } client)
                return PublishResult.Disconnected($"{_destination.Name} is not connected yet.");
            if (count == 0)
                return PublishResult.Mixed(each!);
            var answer = await PostAsync(client, body, count, cancellationToken).ConfigureAwait(false);
            if (answer.Verdict == Verdict.Delivered && records.Capacity <= MostKept)
                _free.Enqueue(records);
            // Refused as a whole it must be halved as a whole: verdicts on single events would bury those that nobody has looked at.
            return each is null || answer.Verdict != Verdict.Delivered ? answer : PublishResult.Mixed(each);
        }
    }

    public ValueTask DisposeAsync()
    {
        _destination.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<PublishResult> PostAsync(HttpClient client, ReadOnlyMemory<byte> body, int count, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Url) { Content = Content(body) };
        if (_asksFirst && body.Length >= LargeBody)
            request.Headers.ExpectContinue = true;
        using var end = new Deadline(options.Timeout, context.Time, cancellationToken);
        end.Begin();
        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token).ConfigureAwait(false);
            if (request.Headers.ExpectContinue == true && (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.ExpectationFailed))
                _asksFirst = false;
            // The status is the collector's word already: what it says besides is waited for, and not for ever.
            using var patience = new CancellationTokenSource(_destination.Patience, context.Time);
            var (said, isWhole) = await HttpWords.ReadAsync(response, MostAnswer, patience.Token).ConfigureAwait(false);
            return Judge(response, said, isWhole, count);
        }
        catch (HttpRequestException e)
        {
            _asksFirst |= e.InnerException is IOException;
            return PublishResult.Disconnected(_destination.Describe(e));
        }
        catch (OperationCanceledException) when (!end.IsCancelledByCaller)
        {
            return PublishResult.Disconnected(_destination.DescribeSilence());
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

    private PublishResult Judge(HttpResponseMessage response, byte[] body, bool isWhole, int count)
    {
        var code = (int)response.StatusCode;
        var type = response.Content.Headers.ContentType?.MediaType;
        if (response.IsSuccessStatusCode)
        {
            if (!isWhole && LogsAnswer.IsOne(type))
                return Unread(code);
            return isWhole && LogsAnswer.TryRead(body, type, out var answer)
                ? Taken(answer, count)
                : PublishResult.Disconnected($"{_destination.Name} answered HTTP {code} with something that is no OTLP answer. Set url to a collector's OTLP/HTTP receiver.");
        }
        var reason = _outage.Code == code ? _outage.Reason : _destination.Describe(response, LogsAnswer.ReadStatus(body, type));
        var result = JudgeRefusal(response, code, reason);
        if (result.Verdict != Verdict.Rejected)
            _outage = (code, reason);
        return result;
    }

    private PublishResult JudgeRefusal(HttpResponseMessage response, int code, string reason)
    {
        if (HttpVerdicts.IsOfCredentials(response.StatusCode))
        {
            if (!_isRefused)
                Log.Refused(context.Logger, context.LaneId, _destination.Name, code);
            _isRefused = true;
            return PublishResult.Disconnected($"{_destination.Name} refuses the credentials (HTTP {code}). Correct token, username, password or headers of the profile.");
        }
        return response.StatusCode switch
        {
            HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => PublishResult.Retry(reason, HttpVerdicts.RetryAfter(response, context.Time)),
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.UnsupportedMediaType =>
                PublishResult.Disconnected($"{reason} Nothing takes OTLP logs there: set url to where a collector does, such as http://localhost:4318/v1/logs."),
            _ => HttpVerdicts.Of(code, reason, response, context.Time),
        };
    }

    // The collector has taken the request. Sent again, it would be there again, each time.
    private PublishResult Unread(int code)
    {
        Recover();
        if (!_isUnreadSaid)
            Log.Unread(context.Logger, context.LaneId, _destination.Name, code, MostAnswer);
        _isUnreadSaid = true;
        return PublishResult.Delivered;
    }

    private PublishResult Taken(LogsAnswer answer, int count)
    {
        Recover();
        _isUnreadSaid = false;
        var words = _destination.Say(answer.Message);
        // Nobody says which: the lane finds them, one by one. See docs/decisions/otlp.md.
        if (answer.Rejected > 0 && count > 0)
            return PublishResult.Rejected($"{_destination.Name} rejected {answer.Rejected} of {count} log records{(words.Length == 0 ? "." : $": {words}")}");
        if (words.Length > 0 && words != _warning)
            Log.Warned(context.Logger, context.LaneId, _destination.Name, words);
        _warning = words;
        return PublishResult.Delivered;
    }

    private void Recover()
    {
        if (_isRefused)
            Log.Accepted(context.Logger, context.LaneId, _destination.Name);
        _isRefused = false;
        _outage = default;
    }

    // A request without records: whoever takes OTLP answers it, and nothing comes of it.
    private async Task AskAsync(HttpClient client, CancellationToken cancellationToken)
    {
        var answer = await PostAsync(client, Body(ReadOnlyMemory<byte>.Empty), 0, cancellationToken).ConfigureAwait(false);
        // That nothing is not taken says nothing about events.
        if (answer.Verdict is Verdict.Disconnected or Verdict.Retry)
            throw new EvBusException(answer.Reason!) { IsTransient = true };
    }
}
