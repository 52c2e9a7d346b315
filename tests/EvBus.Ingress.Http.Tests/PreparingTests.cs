using System.Text;
using EvBus.Testing;

namespace EvBus.Ingress.Http.Tests;

/// <summary>A lane whose next request is made while one is under way; two events make a request.</summary>
public sealed class PreparingTests : IAsyncLifetime
{
    private static readonly LaneOptions s_lane = new()
    {
        BatchEvents = 2, CallTimeout = TimeSpan.FromDays(1), RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(5),
    };

    private readonly List<Counting> _publishers = [];
    private WebServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await WebServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private IEnumerable<string> Bodies => _server.Requests.Select(seen => Encoding.UTF8.GetString(seen.Body));

    [Theory]
    [InlineData("ndjson", "0\n1\n|2\n3\n|4\n5\n")]
    [InlineData("json", "[0,1]|[2,3]|[4,5]")]
    [InlineData("body", "0|1|2|3|4|5")]
    public async Task The_next_batch_is_made_ready_while_the_server_holds_its_answer(string format, string bodies)
    {
        await using var bus = await StartAsync(format);
        Assert.Single(_server.Requests);
        _server.Release();
        await bus.StopAsync();
        Assert.Equal(bodies.Split('|'), Bodies);
        Assert.Equal(3, _publishers.Single().Prepared);
        var lane = bus.GetStatus().Lanes.Single();
        Assert.Equal((6, 0), (lane.Delivered, lane.Retried));
    }

    [Theory]
    [InlineData(429, "[0,1]")]
    [InlineData(503, "[0,1]")]
    [InlineData(500, "[0,1]")]
    [InlineData(401, "[0,1]")]
    [InlineData(422, "[0]|[1]")]
    public async Task Nothing_behind_a_refused_request_is_sent_before_it(int status, string again)
    {
        var refused = 0;
        _server.Answer = (_, response) =>
        {
            response.StatusCode = Interlocked.Increment(ref refused) == 1 ? status : 200;
            return true;
        };
        await using var bus = await StartAsync("json");
        _server.Release();
        await WaitAsync(() => bus.GetStatus().Lanes.Single().Delivered == 6);
        await bus.StopAsync();
        Assert.Equal(["[0,1]", .. again.Split('|'), "[2,3]", "[4,5]"], Bodies);
        Assert.Equal(2, bus.GetStatus().Lanes.Single().Retried);
    }

    [Fact]
    public async Task A_buffer_is_filled_again_only_when_its_request_was_answered()
    {
        await using var bus = await StartAsync("json");
        for (var i = 6; i < 1000; i++)
            await bus.PutAsync(new BusEvent($"{i}"));
        _server.Release();
        await bus.StopAsync();
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"[{2 * i},{(2 * i) + 1}]"), Bodies);
    }

    /// <summary>The first request is with the server, which holds it, and the second batch is ready.</summary>
    private async Task<EventBus> StartAsync(string format)
    {
        _server.Hold();
        var profile = new Profile("http", "test", new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{_server.Port}/", ["format"] = format });
        var bus = EventBus.Create(o => o.AddIngress(
            new IngressDescriptor
            {
                Name = "http",
                NeedsProfile = false,
                Create = context =>
                {
                    var publisher = new Counting(new HttpPublisher(context, HttpIngressOptions.Read(profile)));
                    _publishers.Add(publisher);
                    return publisher;
                },
            },
            lane: s_lane));
        for (var i = 0; i < 6; i++)
            bus.TryPut(new BusEvent($"{i}"));
        await bus.StartAsync();
        await WaitAsync(() => _server.Requests.Count == 1 && _publishers.Single().Prepared == 2);
        return bus;
    }

    private static async Task WaitAsync(Func<bool> reached)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        var end = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(30);
        while (!reached())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "what was waited for did not come");
            await look.WaitForNextTickAsync();
        }
    }

    private sealed class Counting(IPreparingPublisher inner) : IPreparingPublisher
    {
        private int _prepared;

        public int Prepared => Volatile.Read(ref _prepared);

        public ValueTask ConnectAsync(CancellationToken cancellationToken) => inner.ConnectAsync(cancellationToken);

        public PreparedSend Prepare(EventBatch batch)
        {
            var send = inner.Prepare(batch);
            Interlocked.Increment(ref _prepared);
            return send;
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
