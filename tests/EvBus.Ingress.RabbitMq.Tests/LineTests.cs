using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using EvBus.Testing;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>Lines that are slow, silent or open to everybody, and the trace of what goes over them.</summary>
[Collection(BrokerTests.Name)]
public sealed class LineTests(BrokerFixture fixture)
{
    [Fact]
    public async Task A_host_that_is_silent_does_not_hide_the_one_that_answers()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var queue = await fixture.QueueAsync();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        var flow = new Flow(fixture.Need(), queue) { Keys = { ["host"] = null, ["port"] = null, ["hosts"] = new object?[] { $"127.0.0.1:{port}", $"127.0.0.1:{fixture.Broker!.Port}" }, ["timeout"] = 5L } };
        for (var i = 0; i < 6; i++)
            await TopologyTests.TestAsync(flow);
        flow.Keys["hosts"] = new object?[] { $"127.0.0.1:{port}", "[::1]:1" };
        flow.Keys["timeout"] = 2L;
        var told = await Assert.ThrowsAsync<EvBusException>(() => TopologyTests.TestAsync(flow));
        Assert.Contains($"RabbitMQ at 127.0.0.1:{port} did not answer within 2 s", told.Message, StringComparison.Ordinal);
        Assert.Contains("Nobody listens at [::1]:1", told.Message, StringComparison.Ordinal);
        await fixture.TakeAllAsync(queue);
    }

    [Fact]
    public async Task A_large_event_on_a_slow_line_has_the_time_that_its_size_needs()
    {
        var queue = await fixture.QueueAsync();
        await using var line = new FaultProxy(fixture.Need().Host, fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Keys = { ["confirm_timeout"] = 1L } };
        await using var bus = await flow.StartAsync();
        await bus.PutAsync(new BusEvent("0"), Receipt.Delivered());
        line.Throttle(20_000);
        await bus.PutAsync(new BusEvent(new byte[80_000]));
        await Flow.Until(() => flow.Now(bus).Delivered == 2);
        Assert.Equal((0L, 1), (flow.Now(bus).Retried, line.Connections));
        line.Throttle(0);
        await bus.StopAsync();
        Assert.Equal(2, (await fixture.TakeAllAsync(queue)).Count);
    }

    [Fact]
    public async Task Bytes_that_get_through_count_as_life()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux tells how many bytes the other side has taken.");
        var queue = await fixture.QueueAsync();
        using var line = new NarrowLine(fixture.Need().Port);
        var flow = new Flow(fixture.Need(), queue) { Port = line.Port, Keys = { ["confirm_timeout"] = 2L } };
        await using var bus = await flow.StartAsync();
        await bus.PutAsync(new BusEvent("0"), Receipt.Delivered());
        line.BytesPerSecond = 8_000;
        await bus.PutAsync(new BusEvent(new byte[95_000]));
        await Flow.Until(() => flow.Now(bus).Delivered == 2);
        Assert.Equal((0L, 1), (flow.Now(bus).Retried, line.Connections));
        await bus.StopAsync();
        Assert.Equal(2, (await fixture.TakeAllAsync(queue)).Count);
    }

    [Fact]
    public async Task A_line_without_TLS_to_another_machine_is_warned_about_once()
    {
        var flow = new Flow(fixture.Need(), "q") { Keys = { ["host"] = "rabbit.invalid" } };
        await using (var bus = await flow.StartAsync())
        {
            await Flow.Until(() => flow.Now(bus).Trouble is not null);
            await bus.StopAsync(TimeSpan.Zero);
        }
        Assert.Contains("rabbit.invalid", Assert.Single(flow.Said, line => line.Contains("has no TLS", StringComparison.Ordinal)), StringComparison.Ordinal);
        var own = new Flow(fixture.Need(), await fixture.QueueAsync()) { Count = 4 };
        await own.RunAsync(_ => Task.CompletedTask);
        Assert.DoesNotContain(own.Said, line => line.Contains("has no TLS", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_the_client_s_own_activities_listened_to_a_message_stays_in_the_trace_of_its_event()
    {
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        var queue = await fixture.QueueAsync();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("RabbitMQ.Client", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        var flow = new Flow(fixture.Need(), queue);
        await using var bus = await flow.StartAsync();
        await bus.PutAsync(new BusEvent("0", new EventAttributes { TraceParent = $"00-{Trace}-b7ad6b7169203331-01" }));
        await bus.PutAsync(new BusEvent("1"));
        await bus.StopAsync();
        var messages = await fixture.TakeAllAsync(queue);
        string Header(int i) => Encoding.UTF8.GetString((byte[])messages[i].BasicProperties.Headers!["traceparent"]!);
        Assert.StartsWith($"00-{Trace}-", Header(0), StringComparison.Ordinal);
        Assert.DoesNotContain(Trace, Header(1), StringComparison.Ordinal);
    }

    /// <summary>A line whose far end takes few bytes at a time, and holds none back.</summary>
    private sealed class NarrowLine : IDisposable
    {
        private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048 };
        private readonly int _target;

        public NarrowLine(int target)
        {
            _target = target;
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

        public int BytesPerSecond { get; set; } = 1_000_000;

        public int Connections { get; private set; }

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    _ = ServeAsync(await _listener.AcceptAsync());
                    Connections++;
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(Socket client)
        {
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _target);
            await using var back = new NetworkStream(client, ownsSocket: true);
            var backwards = server.GetStream().CopyToAsync(back);
            var buffer = new byte[1000];
            try
            {
                while (await back.ReadAsync(buffer) is > 0 and var read)
                {
                    await server.GetStream().WriteAsync(buffer.AsMemory(0, read));
                    await Task.Delay(TimeSpan.FromSeconds((double)read / BytesPerSecond), TimeProvider.System);
                }
                server.Close();
                await backwards;
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                // One end went.
            }
        }
    }
}
