using System.Threading.Channels;
using EvBus.Ingress.Http.Tests;

namespace EvBus.Testing.Tests.Guides;

// The code of docs/publisher-guide.md. A test of the house compares the two.

/// <summary>Posts each event's body to the URL of its profile.</summary>
public sealed class HookPublisher(IngressContext context) : IPublisher
{
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Uri _url = new(context.Profile!.GetRequiredString("url"));

    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "hook",
        Description = "Posts each event's body to a URL.",
        Create = context => new HookPublisher(context),
    };

    public async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        var verdicts = new EventVerdict[batch.Count];
        for (var i = 0; i < batch.Count; i++)
        {
            verdicts[i] = await PostAsync(batch[i], cancellationToken);
            if (verdicts[i].Verdict is Verdict.Delivered or Verdict.Rejected)
                continue;
            verdicts.AsSpan(i).Fill(verdicts[i]);   // an outage: the rest waits, in its order
            break;
        }
        return PublishResult.Mixed(verdicts);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return default;
    }

    // What this throws (no connection, a time-out) the lane takes for Retry.
    private async Task<EventVerdict> PostAsync(EventView evt, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(evt.Body.ToArray());
        content.Headers.TryAddWithoutValidation("Content-Type", evt.ContentType);
        using var response = await _client.PostAsync(_url, content, cancellationToken);
        return (int)response.StatusCode switch
        {
            < 300 => new(Verdict.Delivered),
            401 or 403 => new(Verdict.Disconnected, "the hook refuses the credentials"),
            >= 400 and < 500 and var code => new(Verdict.Rejected, $"the hook answered HTTP {code}"),
            var code => new(Verdict.Retry, $"the hook answered HTTP {code}"),
        };
    }
}

public sealed class HookPublisherContract : PublisherContract
{
    protected override async ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var server = await WebServer.StartAsync();
        var line = new FaultProxy("127.0.0.1", server.Port);
        return new PublisherHarness
        {
            Name = "hook",
            Create = HookPublisher.Descriptor.Create,
            Profile = Hook(line.Port),
            MissingProfile = Hook(port: 1),
            Read = _ => new(server.Events),
            Cut = () => { line.Cut(); return default; },
            Hold = () => { server.Hold(); return default; },
            Release = () => { server.Release(); return default; },
            OpenConnections = () => server.Connections,
            Unwanted = new BusEvent("unwanted"),
            Limits = new PublisherLimits
            {
                Attributes = "the body is all it posts",
                Refusal = "it has no credentials",
                Secrets = "it has no credentials",
            },
            OnDispose = async () =>
            {
                await line.DisposeAsync();
                await server.DisposeAsync();
            },
        };
    }

    private static Profile Hook(int port) => new("hook", "test", new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{port}/" });
}

public class PublisherGuideTests
{
    [Fact]
    public async Task A_publisher_is_one_line()
    {
        var queue = Channel.CreateUnbounded<BusEvent>();
        await using var bus = await EventBus.StartAsync(o =>
            o.AddIngress("my_plugin", async (evt, ct) => await queue.Writer.WriteAsync(evt, ct)));
        await bus.PutAsync(new BusEvent("hello"), Receipt.Delivered());
        Assert.Equal("hello", (await queue.Reader.ReadAsync(TestContext.Current.CancellationToken)).GetText());
    }

    [Fact]
    public async Task A_publisher_of_the_guide_is_added_by_its_descriptor()
    {
        await using var server = await WebServer.StartAsync();
        var profiles = new OneProfile(new Profile("hook", "default", new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{server.Port}/" }));
        await using var bus = await EventBus.StartAsync(o =>
            o.AddIngress(HookPublisher.Descriptor).AddProfiles(profiles));
        await bus.PutAsync(new BusEvent("hello"), Receipt.Delivered());
        Assert.Equal("hello", System.Text.Encoding.UTF8.GetString(server.Events.Single().Body.Span));
    }

    private sealed class OneProfile(Profile profile) : IProfileSource
    {
        public string Description => "the test";

        public ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken) => new([profile]);
    }
}
