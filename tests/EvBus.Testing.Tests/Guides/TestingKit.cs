using System.Net.Sockets;

namespace EvBus.Testing.Tests.Guides;

// The code of docs/testing-kit.md. A test of the house compares the two.
public class TestingKitTests
{
    [Fact]
    public async Task A_bus_for_a_test_is_one_line()
    {
        await using var test = await TestBus.StartAsync();
        await test.Bus.PutAsync(new BusEvent("order 1"));
        var delivered = await test.DeliveredAsync(1);
        Assert.Equal("order 1", delivered[0].GetText());
    }

    [Fact]
    public async Task A_scripted_publisher_answers_as_it_is_told()
    {
        await using var test = await TestBus.StartAsync();
        test.Publisher.Then(PublishResult.Rejected("no such account")).ThenThrow(new IOException("gone"));
        await test.Bus.PutAsync(new BusEvent("order 1"));
        await test.Publisher.WaitForCallsAsync(1);
        Assert.Empty(test.Publisher.Delivered);
    }

    [Fact]
    public async Task Time_passes_when_the_test_says_so()
    {
        await using var test = await TestBus.StartAsync();
        test.Publisher.Then(PublishResult.Retry("busy", after: TimeSpan.FromHours(1)));
        await test.Bus.PutAsync(new BusEvent("order 1"));
        await test.Publisher.WaitForCallsAsync(1);
        while (test.Publisher.Delivered.Count == 0)
        {
            test.Clock.Advance(TimeSpan.FromMinutes(10));
            await Task.Yield();
        }
    }

    [Fact]
    public async Task A_disk_that_fails_accepts_nothing_durable()
    {
        var disk = new FaultStorage();
        await using var bus = await EventBus.StartAsync(o => o.UseStorage(disk));
        disk.FailNextSync(new IOException("the disk is broken"));
        var put = await bus.PutAsync(new BusEvent("order 1"), Receipt.Durable);
        Assert.Equal(RefusalReason.JournalFailed, put.Refusal);
    }

    [Fact]
    public async Task A_line_is_cut_in_the_middle()
    {
        using var server = TcpListener.Create(0);
        server.Start();
        await using var line = new FaultProxy("localhost", ((System.Net.IPEndPoint)server.LocalEndpoint).Port);
        using var client = new TcpClient("127.0.0.1", line.Port);
        using var accepted = await server.AcceptTcpClientAsync();
        line.Cut();   // also: Refuse, Accept, Freeze, Thaw, Throttle, Delay
        await Assert.ThrowsAnyAsync<IOException>(async () => await client.GetStream().ReadExactlyAsync(new byte[1]));
    }
}
