using System.Diagnostics.Metrics;
using EvBus.Testing;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Logging;

/// <summary>What must not happen to who logs: waiting, going round, losing without a count.</summary>
public class LogTroubleTests
{
    private const int RecordsDropped = 20;

    [Fact]
    public async Task A_publisher_that_logs_through_the_same_factory_does_not_go_round()
    {
        Bed? bed = null;
        var publisher = new ScriptedPublisher
        {
            Otherwise = async (batch, _) =>
            {
                bed!.Logger("App.Publisher").LogInformation("{Count} carried", batch.Count);
                await Task.Yield();
                await Task.Run(() => bed.Logger("App.Publisher").LogInformation("said by what it started"), CancellationToken.None);
                return PublishResult.Delivered;
            },
        };
        using (bed = new Bed(configure: bus => bus.Publisher("all", publisher)))
        {
            await bed.StartAsync();
            bed.Logger().LogInformation("one");
            await Given.UntilAsync(() => bed.Bus.Lane("all").Delivered == 1);
            Assert.Equal((1L, 1L), (bed.Bus.GetStatus().Accepted, bed.Provider.Accepted));
            Assert.Equal(["one"], Bed.Messages(publisher.Delivered));
            // Elsewhere it is heard as ever.
            Assert.Contains(bed.Said.Lines, line => line.Text == "said by what it started");
            await bed.StopAsync();
        }
    }

    [Fact]
    public async Task What_a_publisher_says_that_gets_no_log_records_goes_on_the_bus()
    {
        using var bed = new Bed();
        bed.Orders.Otherwise = (_, _) =>
        {
            bed.Logger("App.Orders").LogInformation("an order");
            return new(PublishResult.Delivered);
        };
        await bed.StartAsync();
        await bed.Bus.PutAsync("x", "orders", receipt: Receipt.Delivered()).AsTask().Soon();
        await bed.StopAsync();
        Assert.Equal(["an order"], Bed.Messages(bed.Records.Delivered));
    }

    [Fact]
    public async Task What_the_bus_says_of_itself_and_its_publishers_secrets_stay_off_it()
    {
        var records = new ScriptedPublisher();
        using var bed = new Bed(configure: bus => bus
            .AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(new Profile("mine", "p", new Dictionary<string, object?> { ["password"] = "correct-horse" })))
            .AddIngress("mine", (IngressContext ctx, BusEvent _, CancellationToken _) =>
            {
                ctx.Logger.LogError("refused with {Password}", "correct-horse");
                return ValueTask.CompletedTask;
            })
            .Publisher("log", records), least: LogLevel.Trace);
        await bed.StartAsync();
        await bed.Bus.PutAsync("x", "p", receipt: Receipt.Delivered()).AsTask().Soon();
        bed.Logger("EvBus").LogError("of the bus");
        bed.Logger("EvBus.Acct").LogError("of a part of it");
        bed.Logger("EvBusiness").LogError("of somebody else");
        await bed.StopAsync();
        Assert.Equal(["of somebody else"], Bed.Messages(records.Delivered.Where(evt => evt.Attributes.Type == EvBusLoggerProvider.EventType)));
        Assert.Contains(bed.Said.Lines, line => line.Text == "refused with ***");
    }

    [Fact]
    public async Task Secrets_of_profiles_that_the_application_says_are_masked()
    {
        var records = new ScriptedPublisher();
        using var bed = new Bed(new EvBusLoggerOptions { IncludeScopes = true }, bus => bus
            .AddProfiles(new Lanes.WhoGetsAnEventTests.Profiles(new Profile("mine", "p", new Dictionary<string, object?> { ["password"] = "correct-horse" })))
            .AddIngress("mine", (IngressContext _, BusEvent _, CancellationToken _) => ValueTask.CompletedTask)
            .Publisher("log", records, "logger"));
        await bed.StartAsync();
        using (bed.Logger().BeginScope("with {Password}", "correct-horse"))
        using (bed.Logger().BeginScope("correct-horse in words"))
            bed.Logger().LogError(new InvalidOperationException("no correct-horse here"), "tried {Password}", "correct-horse");
        await bed.StopAsync();
        var record = Assert.Single(records.Delivered);
        Assert.DoesNotContain("correct-horse", record.GetText(), StringComparison.Ordinal);
        Assert.Equal("tried ***", Bed.Json(record).GetProperty("message").GetString());
        Assert.Equal("""[{"Password":"***","message":"with ***"},"*** in words"]""", Bed.Json(record).GetProperty("scopes").GetRawText());
        Assert.Contains("no *** here", Bed.Json(record).GetProperty("exception").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_bus_drops_counts_and_says_so_once_a_minute_and_nobody_waits()
    {
        var clock = new FakeClock();
        var release = new TaskCompletionSource();
        var publisher = new ScriptedPublisher().ThenHang(release.Task);
        using var bed = new Bed(new EvBusLoggerOptions { Time = clock }, bus =>
        {
            bus.Options = bus.Options with { MaxEvents = 3, Time = clock, Lane = bus.Options.Lane with { CallTimeout = TimeSpan.FromDays(1) } };
            bus.Publisher("log", publisher, "logger");
        });
        await bed.StartAsync();
        // Each returns, though nobody makes room.
        for (var i = 0; i < 10; i++)
            bed.Logger().LogInformation("{Number}", i);
        Assert.Equal((3L, 7L), (bed.Provider.Accepted, bed.Provider.Dropped[RefusalReason.Full]));
        var said = Assert.Single(bed.Said.Lines, line => line.Id == RecordsDropped);
        Assert.Contains("1 log records of profile logger", said.Text, StringComparison.Ordinal);
        clock.Advance(TimeSpan.FromMinutes(1));
        bed.Logger().LogInformation("ten");
        bed.Logger().LogInformation("eleven");
        Assert.Equal(2, bed.Said.Lines.Count(line => line.Id == RecordsDropped));
        release.SetResult();
        await bed.StopAsync();
        Assert.Equal(["0", "1", "2"], Bed.Messages(publisher.Delivered));
        Assert.Equal(9, bed.Provider.Dropped[RefusalReason.Full]);
    }

    [Fact]
    public async Task A_record_larger_than_the_bus_allows_is_dropped_and_counted()
    {
        using var bed = new Bed(configure: bus => bus.Options = bus.Options with { MaxEventBytes = 200 });
        await bed.StartAsync();
        bed.Logger().LogInformation("{Text}", new string('x', 200));
        bed.Logger().LogInformation("short");
        await bed.StopAsync();
        Assert.Equal((1L, 1L), (bed.Provider.Accepted, bed.Provider.Dropped[RefusalReason.TooLarge]));
    }

    [Fact]
    public async Task What_is_logged_before_the_bus_is_made_and_before_it_starts_is_delivered_in_order()
    {
        using var bed = new Bed();
        bed.Logger().LogInformation("no bus yet");
        Assert.Equal(0, bed.Provider.Accepted);
        Assert.Equal(BusState.Created, bed.Bus.GetStatus().State);
        bed.Logger().LogInformation("a bus, not started");
        await bed.StartAsync();
        bed.Logger().LogInformation("started");
        await bed.StopAsync();
        Assert.Equal(["no bus yet", "a bus, not started", "started"], Bed.Messages(bed.Records.Delivered));
    }

    [Fact]
    public async Task What_is_logged_while_the_bus_is_described_neither_hangs_nor_makes_another_one()
    {
        Bed? bed = null;
        var described = 0;
        var records = new ScriptedPublisher();
        using (bed = new Bed(configure: bus =>
        {
            described++;
            bed!.Logger().LogInformation("while it is described");
            bus.Publisher("log", records, "logger");
        }))
        {
            await bed.StartAsync();
            await bed.StopAsync();
        }
        Assert.Equal(1, described);
        Assert.Equal(["while it is described"], Bed.Messages(records.Delivered));
    }

    [Fact]
    public async Task Before_there_is_a_bus_no_more_is_kept_than_allowed()
    {
        using var bed = new Bed(new EvBusLoggerOptions { MaxEarlyRecords = 2 });
        for (var i = 0; i < 5; i++)
            bed.Logger().LogInformation("{Number}", i);
        Assert.Equal(3, bed.Provider.Dropped[RefusalReason.Full]);
        await bed.StartAsync();
        await bed.StopAsync();
        Assert.Equal(["0", "1"], Bed.Messages(bed.Records.Delivered));
        Assert.Contains("3 log records", Assert.Single(bed.Said.Lines, line => line.Id == RecordsDropped).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_threads_may_log_while_the_bus_is_made_and_each_keeps_its_order()
    {
        using var bed = new Bed();
        var logger = bed.Logger();
        var threads = Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 500; i++)
                logger.LogInformation("{Thread}:{Number}", thread, i);
        })).ToArray();
        await bed.StartAsync();
        await Task.WhenAll(threads).Soon();
        await bed.StopAsync();
        var each = Bed.Messages(bed.Records.Delivered).Select(message => message.Split(':')).ToLookup(parts => parts[0], parts => int.Parse(parts[1]));
        Assert.All(each, thread => Assert.Equal(Enumerable.Range(0, 500), thread));
        Assert.Equal((4, 2000L), (each.Count, bed.Provider.Accepted));
    }

    [Fact]
    public async Task After_the_stop_records_are_counted_and_nothing_throws()
    {
        EvBusLoggerProvider provider;
        ILogger logger;
        using (var bed = new Bed())
        {
            await bed.StartAsync();
            (provider, logger) = (bed.Provider, bed.Logger());
            await bed.StopAsync();
            logger.LogInformation("the bus has stopped");
            Assert.Equal(1, provider.Dropped[RefusalReason.Stopped]);
            Assert.DoesNotContain(bed.Said.Lines, line => line.Id == RecordsDropped);
        }
        provider.CreateLogger(Bed.App).LogInformation("all is disposed");
        Assert.Equal(2, provider.Dropped[RefusalReason.Stopped]);
    }

    [Fact]
    public async Task Without_a_host_the_provider_is_handed_the_bus()
    {
        var publisher = new ScriptedPublisher();
        using var provider = new EvBusLoggerProvider(new EvBusLoggerOptions { IncludeScopes = true });
        var logger = provider.CreateLogger(Bed.App);
        using (logger.BeginScope("scope"))
            logger.LogInformation("early");
        await using var bus = await EventBus.StartAsync(o => o.Publisher("log", publisher, "logger"));
        provider.UseBus(bus);
        provider.UseBus(bus);
        logger.LogInformation("late");
        await using var other = EventBus.Create(_ => { });
        Assert.Throws<InvalidOperationException>(() => provider.UseBus(other));
        await bus.StopAsync().Soon();
        Assert.Equal(["early", "late"], Bed.Messages(publisher.Delivered));
        Assert.Equal("scope", Bed.Json(publisher.Delivered[0]).GetProperty("scopes")[0].GetString());
    }

    [Fact]
    public void What_never_got_a_bus_is_counted_when_the_provider_is_disposed()
    {
        var provider = new EvBusLoggerProvider();
        provider.CreateLogger(Bed.App).LogInformation("one");
        provider.Dispose();
        provider.CreateLogger(Bed.App).LogInformation("two");
        Assert.Equal(2, provider.Dropped[RefusalReason.Stopped]);
    }

    [Fact]
    public void What_was_accepted_and_dropped_is_there_as_metrics()
    {
        var seen = new List<(string Name, long Value, string? Reason)>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, it) =>
            {
                if (instrument.Name.StartsWith("evbus.logger.", StringComparison.Ordinal))
                    it.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var named = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value as string);
            if (named["profile"] == "metered")
                seen.Add((instrument.Name, value, named.GetValueOrDefault("reason")));
        });
        listener.Start();
        using var provider = new EvBusLoggerProvider(new EvBusLoggerOptions { Profile = "metered", MaxEarlyRecords = 0 });
        provider.CreateLogger(Bed.App).LogInformation("one");
        listener.RecordObservableInstruments();
        Assert.Equal([("evbus.logger.accepted", 0L, null), ("evbus.logger.dropped", 1L, "Full")], seen.Order());
    }
}
