using System.Globalization;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct.Tests;

/// <summary>A real acct file is replaced under a running bus.</summary>
public sealed class ReloadTests : IDisposable
{
    private const int Count = 20_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Folder _folder = new();
    private readonly AcctKey _key = AcctKey.Generate();
    private readonly OnABusTests.Loggers _loggers = new();
    private int _put;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Acct => _folder["credentials.fernet"];

    public void Dispose()
    {
        _key.Dispose();
        _loggers.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task An_encrypted_file_replaced_while_events_flow_changes_both_publishers_and_every_event_arrives_once_in_order()
    {
        Save("1");
        await using var bus = await EventBus.StartAsync(
            bus =>
            {
                bus.LoggerFactory = _loggers;
                bus.AddFile().AddAcct(Acct, _key.Reveal());
            },
            Stop);
        var queues = ((string[])["q1", "q2", "q3"]).Select(queue => ReadAsync(bus, queue)).ToArray();
        await PutAsync(bus, 5000);
        Save("2");
        await PutUntilAsync(bus, "Profiles read again; new lanes: 0, changed: 2");
        await PutAsync(bus, 2000);
        _folder.Write("credentials.fernet", "half a fi");
        await PutUntilAsync(bus, "Changed profiles are not used");
        await PutAsync(bus, 2000);
        Save("3");
        await PutAsync(bus, 2000);
        await PutUntilAsync(bus, "Profiles read again; new lanes: 0, changed: 2", times: 2);
        await PutAsync(bus, Count - _put);
        // The internal lane changes beside its work; the stop need not wait for that.
        await WaitAsync(() => _loggers.Log.Lines.Count(line => line.Contains("Lane internal/live: its profile has changed", StringComparison.Ordinal)) == 2);
        await WaitAsync(() => File.Exists(_folder["3.ndjson"]));
        var status = await bus.StopAsync(cancellationToken: Stop).WaitAsync(Patience, Stop);

        var all = Enumerable.Range(0, Count).Select(i => i.ToString(CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(all, ((string[])["1", "2", "3"]).SelectMany(version => File.ReadLines(_folder[$"{version}.ndjson"])));
        Assert.Equal(all, (await Task.WhenAll(queues).WaitAsync(Patience, Stop)).SelectMany(read => read));
        Assert.All(status.Lanes, lane => Assert.Equal((Count, Count, 0), (lane.Matched, lane.Delivered, lane.Retried)));
        Assert.Single(_loggers.Log.Lines, line => line.Contains("Changed profiles are not used", StringComparison.Ordinal));
        Assert.DoesNotContain(_loggers.Log.Lines, line => line.Contains(_key.Reveal(), StringComparison.Ordinal));
    }

    private static async Task<List<string>> ReadAsync(EventBus bus, string queue)
    {
        var read = new List<string>();
        await foreach (var evt in bus.Queues.ReadAllAsync(queue, Stop))
            read.Add(evt.GetText());
        return read;
    }

    private void Save(string version)
    {
        var yaml = $"file:\n  archive:\n    path: {_folder[$"{version}.ndjson"]}\ninternal:\n  live:\n    routing_key: q{version}\n";
        AcctFile.Save(Acct, AcctDocument.ParseYaml(System.Text.Encoding.UTF8.GetBytes(yaml), "test"), _key);
    }

    private async Task PutAsync(EventBus bus, int count)
    {
        for (var i = 0; i < count; i++)
            Assert.True((await bus.PutAsync(new BusEvent((_put++).ToString(CultureInfo.InvariantCulture)), cancellationToken: Stop)).IsAccepted);
    }

    /// <summary>Goes on putting, a few at a time, until something was logged.</summary>
    private async Task PutUntilAsync(EventBus bus, string logged, int times = 1)
    {
        await WaitAsync(
            () => _loggers.Log.Lines.Count(line => line.Contains(logged, StringComparison.Ordinal)) >= times,
            async () => await PutAsync(bus, _put < Count - 1000 ? 2 : 0));
    }

    private static async Task WaitAsync(Func<bool> condition, Func<Task>? meanwhile = null)
    {
        var end = TimeProvider.System.GetUtcNow() + Patience;
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "what was waited for did not come");
            if (meanwhile is not null)
                await meanwhile();
            await look.WaitForNextTickAsync(Stop);
        }
    }
}
