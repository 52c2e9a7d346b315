using Microsoft.Extensions.Logging;

namespace EvBus.Acct.Tests;

public class OnABusTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Profiles_of_an_encrypted_file_become_lanes_and_the_allow_list_chooses_among_them()
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        var document = AcctDocument.ParseYaml("mine:\n  a: {channel: one}\n  b: {channel: two}\n  c: {channel: three}\n"u8, "test");
        AcctFile.Save(folder["c.fernet"], document, key);
        var seen = new List<string>();

        await using var bus = await EventBus.StartAsync(
            bus => bus
                .AddAcct(folder["c.fernet"], key.Reveal(), "a", "c")
                .AddIngress("mine", (context, _, _) =>
                {
                    lock (seen)
                        seen.Add(context.Profile!.GetRequiredString("channel"));
                    return ValueTask.CompletedTask;
                }),
            Stop);
        await bus.PutAsync("hello", cancellationToken: Stop);
        await bus.StopAsync(cancellationToken: Stop);

        Assert.Equal(["one", "three"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_wrong_key_stops_the_start_and_says_so_without_showing_it()
    {
        using var wrong = AcctKey.Generate();
        var error = await Assert.ThrowsAnyAsync<EvBusException>(() => EventBus.StartAsync(bus => bus.AddAcct(Vectors.PathOf("acct/readme.yml.fernet"), wrong.Reveal()), Stop));
        Assert.Contains("wrong key", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(wrong.Reveal(), error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_file_nothing_is_added()
    {
        await using var bus = await EventBus.StartAsync(bus => bus.AddAcct(new AcctOptions()), Stop);
        Assert.NotNull(bus);
    }

    [Fact]
    public async Task Warnings_go_to_the_buses_logger()
    {
        using var folder = new Folder();
        using var loggers = new Loggers();
        await using var bus = await EventBus.StartAsync(
            bus =>
            {
                bus.LoggerFactory = loggers;
                bus.AddAcct(new AcctOptions { File = folder.Write("c.yml", "internal:\n  default: {routing_key: q1}\n", "644") });
            },
            Stop);
        Assert.Contains(loggers.Log.Lines, line => line.Contains("chmod 600", StringComparison.Ordinal));
        Assert.Contains(loggers.Log.Lines, line => line.Contains("plain YAML", StringComparison.Ordinal));
    }

    internal sealed class Loggers : ILoggerFactory
    {
        public LogLines Log { get; } = new();

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => Log;

        public void Dispose()
        {
        }
    }
}
