using EvBus.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Logging;

/// <summary>Which records go on the bus, and what they look like there.</summary>
public class LogOnTheBusTests
{
    [Fact]
    public async Task A_log_record_reaches_the_lanes_whose_pattern_is_logger_as_one_JSON_object()
    {
        var clock = new FakeClock();
        using var bed = new Bed(new EvBusLoggerOptions { Time = clock });
        await bed.StartAsync();
        bed.Logger().LogWarning(new EventId(7, "Sold"), new InvalidOperationException("till is shut"), "Sold {Count} for {Who}", 3, "Zoë");
        await bed.StopAsync();
        var record = Assert.Single(bed.Records.Delivered);
        var json = Bed.Json(record);
        Assert.Equal("Sold 3 for Zoë", json.GetProperty("message").GetString());
        Assert.Equal(Bed.App, json.GetProperty("module").GetString());
        Assert.Equal("Warning", json.GetProperty("level").GetString());
        Assert.Equal(clock.GetUtcNow(), json.GetProperty("timestamp").GetDateTimeOffset());
        Assert.Equal((7, "Sold"), (json.GetProperty("event_id").GetInt32(), json.GetProperty("event_name").GetString()));
        Assert.StartsWith("System.InvalidOperationException: till is shut", json.GetProperty("exception").GetString(), StringComparison.Ordinal);
        Assert.False(json.TryGetProperty("scopes", out _));
        Assert.Contains("Zoë", record.GetText(), StringComparison.Ordinal);
        Assert.Equal(("logger", EvBusLoggerProvider.EventType, "application/json", clock.GetUtcNow()), (record.Profile, record.Attributes.Type, record.Attributes.ContentType, record.Attributes.Time));
        Assert.Empty(bed.Orders.Delivered);
        Assert.Equal(1, bed.Provider.Accepted);
    }

    [Fact]
    public async Task The_profile_is_an_option()
    {
        using var bed = new Bed(new EvBusLoggerOptions { Profile = "orders" });
        await bed.StartAsync();
        bed.Logger().LogInformation("one");
        await bed.StopAsync();
        Assert.Equal(["one"], Bed.Messages(bed.Orders.Delivered));
        Assert.Empty(bed.Records.Delivered);
    }

    [Fact]
    public async Task The_least_level_keeps_the_lower_ones_off_the_bus_and_alone_opens_no_filter_of_the_host()
    {
        using var bed = new Bed(new EvBusLoggerOptions { MinLevel = LogLevel.Warning }, least: LogLevel.Trace);
        await bed.StartAsync();
        foreach (var level in Enum.GetValues<LogLevel>().Where(level => level != LogLevel.None))
            bed.Logger().Log(level, "{Level}", level);
        await bed.StopAsync();
        Assert.Equal(["Warning", "Error", "Critical"], Bed.Messages(bed.Records.Delivered));

        using var other = new Bed(new EvBusLoggerOptions { MinLevel = LogLevel.Trace });
        await other.StartAsync();
        other.Logger().LogDebug("the host's own filter stops this");
        other.Logger().LogInformation("but not this");
        await other.StopAsync();
        Assert.Equal(["but not this"], Bed.Messages(other.Records.Delivered));
    }

    [Fact]
    public async Task Categories_are_chosen_by_how_they_begin_and_excepted_ones_stay_off()
    {
        using var bed = new Bed(new EvBusLoggerOptions { Categories = ["app.", "Library"], ExceptCategories = ["App.Web"] });
        await bed.StartAsync();
        foreach (var category in (string[])["App.Shop", "App.Web.Requests", "Application", "Library", "System"])
            bed.Logger(category).LogInformation("{Category}", category);
        await bed.StopAsync();
        Assert.Equal(["App.Shop", "Library"], Bed.Messages(bed.Records.Delivered));
    }

    [Fact]
    public async Task Scopes_are_written_when_asked_for()
    {
        using var bed = new Bed(new EvBusLoggerOptions { IncludeScopes = true });
        await bed.StartAsync();
        using (bed.Logger().BeginScope("outer"))
        using (bed.Logger().BeginScope("order {Order}", 17))
        using (bed.Logger().BeginScope(new Dictionary<string, object?> { ["customer"] = "Zoë", ["nobody"] = null }))
            bed.Logger().LogInformation("in");
        bed.Logger().LogInformation("out");
        await bed.StopAsync();
        Assert.Equal(
            ["""["outer",{"Order":"17","message":"order 17"},{"customer":"Zoë","nobody":null}]""", "[]"],
            bed.Records.Delivered.Select(record => Bed.Json(record).GetProperty("scopes").GetRawText()));
    }

    [Fact]
    public async Task Odd_characters_and_long_records_are_still_one_JSON_object()
    {
        using var bed = new Bed();
        await bed.StartAsync();
        var large = new string('x', 200_000);
        bed.Logger().LogInformation("{Text}", "a\n\"\0\u2028\uD800z");
        bed.Logger().LogInformation("{Text}", large);
        bed.Logger().LogInformation("after");
        await bed.StopAsync();
        Assert.Equal(["a\n\"\0\u2028\uFFFDz", large, "after"], Bed.Messages(bed.Records.Delivered));
    }

    [Fact]
    public async Task Each_named_bus_gets_the_records_meant_for_it()
    {
        var (one, two) = (new ScriptedPublisher(), new ScriptedPublisher());
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddEvBus(bus => bus.Publisher("a", one), "one").AddEvBus(bus => bus.Publisher("a", two), "two");
        builder.Logging.AddEvBus(new EvBusLoggerOptions { Bus = "one", Categories = ["App.One"] });
        builder.Logging.AddEvBus(new EvBusLoggerOptions { Bus = "two", Categories = ["App.Two"], Profile = "audit" });
        using var host = builder.Build();
        await host.StartAsync().Soon();
        foreach (var category in (string[])["App.One", "App.Two"])
            host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).LogInformation("{Category}", category);
        await host.StopAsync().Soon();
        Assert.Equal(("logger", "App.One"), (one.Delivered.Single().Profile, Bed.Messages(one.Delivered).Single()));
        Assert.Equal(("audit", "App.Two"), (two.Delivered.Single().Profile, Bed.Messages(two.Delivered).Single()));
    }

    [Fact]
    public async Task A_bus_that_there_is_not_is_said_at_the_start()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddEvBus(_ => { });
        builder.Logging.AddEvBus(new EvBusLoggerOptions { Bus = "audit" });
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<EvBusConfigurationException>(() => host.StartAsync().Soon());
        Assert.Contains("'audit'", error.Message, StringComparison.Ordinal);
        Assert.Contains("EvBusLoggerOptions.Bus", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_cannot_work_are_all_said_at_once()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        var error = Assert.Throws<EvBusConfigurationException>(() => builder.Logging.AddEvBus(
            new EvBusLoggerOptions { Profile = "", Bus = "", Categories = [""], MaxEarlyRecords = -1 }));
        Assert.Equal(4, error.Errors.Count);
    }
}
