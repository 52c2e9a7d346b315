namespace EvBus.Ingress.Http;

/// <summary>The other side as a publisher sees it: its client, from one connect to the next, so that changed certificates and addresses are seen; its name; and words for what goes wrong.</summary>
internal sealed class HttpDestination(HttpLine line, IngressContext context, params Uri?[] more) : IDisposable
{
    private readonly HttpWords _words = new(context.Profile, [line.Url, .. more]);
    private volatile string? _certificate;

    /// <summary>How long is waited for the words of an answer whose status is there already.</summary>
    public TimeSpan Patience { get; } = TimeSpan.FromSeconds(Math.Min(2, line.Timeout.TotalSeconds));

    /// <summary>Scheme, host and port, and the proxy where there is one; the rest of the URL may be a secret.</summary>
    public string Name { get; private set; } = $"{line.Url.Scheme}://{line.Url.Authority}";

    /// <summary>Null before the first connect.</summary>
    public HttpClient? Client { get; private set; }

    /// <summary>Whether whoever listens on the way can read the credentials.</summary>
    public bool IsReadable => line.Url.Scheme == "http" && !HttpWay.IsLoopback(line.Url) && context.Profile is { } profile
        && (profile.Contains("token") || profile.Contains("username") || HttpKeys.Headers(profile).Exists(header => header.Key.Equals("Authorization", StringComparison.OrdinalIgnoreCase)));

    public HttpClient Open()
    {
        Dispose();
        var way = HttpWay.Of(line, context.Profile);
        Name = $"{line.Url.Scheme}://{line.Url.Authority}{(way?.NameFor(line.Url) is { } proxy ? $" (through the proxy {proxy})" : "")}";
        _certificate = null;
        return Client = HttpClients.Create(line, way, context.Profile, wrong => _certificate = wrong);
    }

    /// <summary>Why there was no answer.</summary>
    public string Describe(HttpRequestException e) => _words.Say(HttpReasons.Of(e, Name, _certificate));

    /// <summary>Words from outside as they may be repeated.</summary>
    public string Say(string text) => text.Length == 0 ? "" : _words.Say(text);

    public string DescribeSilence() => $"{Name} did not answer within {line.Timeout.TotalSeconds:0} s.";

    /// <summary>An answer that is no success, in words; with its own where they come.</summary>
    public async ValueTask<string> DescribeAsync(HttpResponseMessage response)
    {
        var said = await _words.ReadAsync(response, Patience, context.Time).ConfigureAwait(false);
        return Describe(response, said);
    }

    public string Describe(HttpResponseMessage response, string said) => said.Length == 0 ? $"{Name} answered HTTP {(int)response.StatusCode}." : $"{Name} answered HTTP {(int)response.StatusCode}: {_words.Say(said)}";

    public void Dispose()
    {
        Client?.Dispose();
        Client = null;
    }
}
