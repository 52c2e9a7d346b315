using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct.Tests;

/// <summary>
/// A whole bus, from an encrypted file to its last ledger, with publishers that put every secret of their profile into everything they say.
/// <para>
/// Covered: what the bus writes, on every level of the log with structured values, scopes, exceptions and their data; status, dead letters, receipts, health, metrics with their
/// tags, the errors of a start; and what a publisher says through the logger of its context. Hidden are values under keys that say they are secret (password, token, api_key, …),
/// at any depth, and passwords in addresses and connection strings: as they are, percent-encoded, in JSON and in base64.
/// </para>
/// <para>
/// Not covered, because the bus cannot know or does not have it in its hands: secrets under keys that do not say so, or of two characters; other encodings, parts of a secret, and short
/// ones (under 8 characters) in the middle of a word; what a publisher writes to a logger, a console, a metric or a trace of its own; what it puts into the names of destinations,
/// hence of lanes; events themselves; dumps of the process.
/// </para>
/// </summary>
public class SecretsOnABusTests
{
    private const string Password = "S3cr3t/p@ss \"w\u00f6rd\"";
    private static readonly string[] s_secrets =
    [
        Password, Uri.EscapeDataString(Password), Convert.ToBase64String(Encoding.UTF8.GetBytes(Password)), JsonSerializer.Serialize(Password)[1..^1],
        "Pa55%2FinUrl", "Pa55/inUrl", "k-9f8e7d6c5b4a", "D5nP4ss!", "tok-one-111", "tok-two-222", "918273645546", "pin 7Qz",
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static string Values => JsonSerializer.Serialize(new
    {
        host = "broker.example",
        password = Password,
        url = "amqp://user:Pa55%2FinUrl@broker.example/v",
        connection = new { api_key = "k-9f8e7d6c5b4a" },
        dsn = "Server=broker.example;Password=D5nP4ss!;Timeout=3",
        tokens = new[] { "tok-one-111", "tok-two-222" },
        pin_code_password = 918273645546,
        short_secret = "7Qz",
    });

    [Fact]
    public async Task Whatever_publishers_say_no_secret_of_their_profile_comes_out_of_the_bus()
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        AcctFile.Save(folder["c.fernet"], AcctDocument.ParseJson(Encoding.UTF8.GetBytes($$"""{"mine": { {{string.Join(',', Talkative.Modes.Where(mode => mode != "gather").Select(mode => $"\"{mode}\": {Values}"))}} }, "gathered": {"gather": {{Values}}} }"""), "test"), key);
        using var log = new CapturedLog();
        var calls = new Calls();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<ILoggerFactory>(log);
        builder.Services.AddEvBus(bus =>
        {
            bus.Options = bus.Options with { Lane = new LaneOptions { RetryInitial = TimeSpan.FromMilliseconds(1), RetryMax = TimeSpan.FromMilliseconds(20), MaxAttempts = 2 } };
            bus.AddAcct(folder["c.fernet"], key.Reveal());
            foreach (var name in (string[])["mine", "gathered"])
            {
                bus.AddIngress(new IngressDescriptor
                {
                    Name = name,
                    Create = context =>
                    {
                        if (context.Profile!.Name != "create")
                            return new Talkative(context, calls.Count);
                        calls.Count("create");
                        throw Talkative.Exception(Talkative.WordsOf(context.Profile));
                    },
                });
            }
            bus.AddGatherer(new TalkativeGatherer(calls));
        });
        using var host = builder.Build();
        await host.StartAsync(Stop);
        var bus = host.Services.GetRequiredService<EventBus>();
        var found = new List<string>();
        using var meters = new MeterListener();
        Listen(meters, found);

        // Each lane is called at least three times, so that what it said has been judged and said again.
        var receipts = Talkative.Modes.SelectMany(mode => Enumerable.Range(0, 4).Select(_ => bus.PutAsync(
            new BusEvent("x", new EventAttributes { Profile = mode }), Receipt.Delivered(), Stop).AsTask())).ToList();
        await calls.WaitAsync(Talkative.Modes, atLeast: 3);
        meters.RecordObservableInstruments();
        Look(bus, found);
        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Stop);
        found.AddRange(health.Entries.SelectMany(entry => entry.Value.Data.Select(pair => $"{pair}").Append($"{entry} {entry.Value.Description} {entry.Value.Exception}")));
        await bus.StopAsync(TimeSpan.FromMilliseconds(1), Stop);
        found.AddRange((await Task.WhenAll(receipts)).Select(result => $"{result} {result.Reason}"));
        Look(bus, found);
        await host.StopAsync(Stop);
        found.AddRange(log.Said);

        var everything = string.Join('\n', found);
        foreach (var secret in s_secrets)
            Assert.DoesNotContain(secret, everything, StringComparison.Ordinal);
        Assert.DoesNotContain(key.Reveal(), everything, StringComparison.Ordinal);
        // It was tried in every lane, and what is no secret is still said.
        foreach (var mode in Talkative.Modes.Where(mode => mode != "log"))
            Assert.Contains(found, said => said.Contains($"/{mode}", StringComparison.Ordinal) && said.Contains("broker.example refused '***'", StringComparison.Ordinal));
        Assert.Contains(found, said => said.Contains("the publisher says broker.example refused '***'", StringComparison.Ordinal));
        foreach (var place in (string[])["Trouble", "dead letter", "health", "Outcome = DeadLettered", "Ledger"])
            Assert.Contains(place, everything, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(found, said => said.StartsWith("metric evbus.lane.dead", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_start_that_fails_repeats_no_secret_of_the_profile_that_fails_it()
    {
        using var folder = new Folder();
        var file = folder.Write("c.yml", $$"""{"mine": {"a": {{Values}}, "b": {{Values}}, "c": {{Values}}} }""");
        using var log = new CapturedLog();
        var error = await Assert.ThrowsAsync<EvBusConfigurationException>(() => EventBus.StartAsync(
            bus =>
            {
                bus.LoggerFactory = log;
                bus.AddAcct(new AcctOptions { File = file });
                bus.AddIngress(new IngressDescriptor
                {
                    Name = "mine",
                    Validate = profile => profile.Name switch
                    {
                        "a" => [Talkative.WordsOf(profile)],
                        "b" => throw new EvBusConfigurationException(Talkative.WordsOf(profile)),
                        _ => throw Talkative.Exception(Talkative.WordsOf(profile)),
                    },
                    Create = context => new Talkative(context, _ => { }),
                });
            },
            Stop));
        Assert.Equal(3, error.Errors.Count(said => said.Contains("broker.example refused '***'", StringComparison.Ordinal)));
        foreach (var secret in s_secrets)
            Assert.DoesNotContain(secret, string.Join('\n', log.Said.Append(error.ToString())), StringComparison.Ordinal);
    }

    private static void Look(EventBus bus, List<string> found)
    {
        var status = bus.GetStatus();
        found.Add(status.ToString());
        found.Add("status " + JsonSerializer.Serialize(status));
        found.AddRange(status.Lanes.Select(lane => $"{lane}"));
        found.AddRange(bus.Lanes.Ids.SelectMany(id => bus.Lanes.GetDeadLetters(id)).Select(letter => $"{letter} {letter.Reason}"));
    }

    private static void Listen(MeterListener meters, List<string> found)
    {
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "EvBus")
                listener.EnableMeasurementEvents(instrument);
        };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => found.Add($"metric {instrument.Name} {value} {string.Join(' ', tags.ToArray())}"));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => found.Add($"metric {instrument.Name} {value} {string.Join(' ', tags.ToArray())}"));
        meters.Start();
    }

    private sealed class TalkativeGatherer(Calls calls) : IProfileGatherer
    {
        public string Provider => "gathered";

        public ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken)
        {
            calls.Count("gather");
            throw Talkative.Exception(Talkative.WordsOf(profiles[0]));
        }
    }

    /// <summary>How often each mode was called.</summary>
    private sealed class Calls
    {
        private readonly ConcurrentDictionary<string, int> _counts = new();
        private readonly SemaphoreSlim _changed = new(0);

        public void Count(string mode)
        {
            _counts.AddOrUpdate(mode, 1, (_, count) => count + 1);
            _changed.Release();
        }

        public async Task WaitAsync(string[] modes, int atLeast)
        {
            while (!modes.All(mode => _counts.GetValueOrDefault(mode) >= (mode is "dispose" or "log" ? 1 : atLeast)))
                Assert.True(await _changed.WaitAsync(TimeSpan.FromSeconds(60), Stop), $"Called: {string.Join(' ', _counts)}");
        }
    }
}
