using EvBus.Testing;
using EvBus.Tools.Cli.Commands;

namespace EvBus.Cli.Tests;

/// <summary>The commands that only read: stats, check, cat, export.</summary>
public sealed class ReadingTests : IDisposable
{
    private readonly CliRun _run = new();

    public void Dispose() => _run.Dispose();

    private async Task FillAsync(int count = 60)
    {
        var fast = new ScriptedPublisher();
        await using var bus = _run.Bus(("fast", null, fast), ("slow", "x*", CliRun.Down()));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, count);
        await fast.WaitForEventsAsync(count).WaitAsync(CliRun.Patience);
        await bus.StopAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task Stats_tell_the_counts_of_every_lane_and_that_the_ledger_balances()
    {
        await FillAsync();
        var (code, json) = await _run.JsonAsync("stats");
        Assert.Equal(0, code);
        Assert.Equal((60L, 0L, true), (json.GetProperty("accepted").GetInt64(), json.GetProperty("unmatched").GetInt64(), json.GetProperty("balances").GetBoolean()));
        Assert.Equal("closed in order", json.GetProperty("state").GetString());
        Assert.Equal((0, 59), (json.GetProperty("first_sequence").GetInt32(), json.GetProperty("last_sequence").GetInt32()));
        var lanes = json.GetProperty("lanes").EnumerateArray().ToDictionary(lane => lane.GetProperty("lane").GetString()!);
        Assert.Equal((60, 60, 0), Counts(lanes["fast"]));
        // Those without a profile are for every lane.
        Assert.Equal((40, 0, 40), Counts(lanes["slow"]));
        var (_, words, _) = await _run.RunAsync("journal", "stats", _run.Journal);
        Assert.Contains("ledger    balances", words, StringComparison.Ordinal);

        static (int, int, int) Counts(System.Text.Json.JsonElement lane) => (lane.GetProperty("matched").GetInt32(), lane.GetProperty("delivered").GetInt32(), lane.GetProperty("queued").GetInt32());
    }

    [Fact]
    public async Task Check_of_a_whole_journal_says_ok()
    {
        await FillAsync();
        var (code, output, error) = await _run.RunAsync("journal", "check", _run.Journal);
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("ok: ", output, StringComparison.Ordinal);
        Assert.Contains("60 events", output, StringComparison.Ordinal);
        var (_, json) = await _run.JsonAsync("check");
        Assert.True(json.GetProperty("ok").GetBoolean());
    }

    [Fact]
    public async Task Commands_that_read_work_on_a_live_journal_and_the_others_name_the_process()
    {
        await using var bus = _run.Bus(("slow", null, CliRun.Down()));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, 20);
        // Cursors are kept a tenth of a second after something has changed.
        await CliRun.UntilAsync(() => StatsCommand.Measure(_run.Journal).Lanes.Count == 1);
        var (code, json) = await _run.JsonAsync("stats");
        Assert.Equal((0, 20), (code, json.GetProperty("lanes")[0].GetProperty("queued").GetInt32()));
        Assert.Contains("in use by", json.GetProperty("state").GetString(), StringComparison.Ordinal);
        Assert.Equal(20, (await _run.CatAsync()).Count);
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
        var refused = await _run.RunAsync("journal", "repair", _run.Journal);
        Assert.Equal((2, ""), (refused.Code, refused.Out));
        Assert.Contains("is in use by", refused.Error, StringComparison.Ordinal);
        Assert.Contains(System.Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture), refused.Error, StringComparison.Ordinal);
        Assert.True((await bus.PutAsync(new BusEvent("more"), Receipt.Durable)).IsAccepted);
        await bus.StopAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_journal_that_is_written_and_cut_meanwhile_reads_as_whole()
    {
        var fast = new ScriptedPublisher();
        await using var bus = _run.Bus(("fast", null, fast), ("second", "x*", new ScriptedPublisher()));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, 10);
        await CliRun.UntilAsync(() => StatsCommand.Measure(_run.Journal).Lanes.Count == 2);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            for (var seed = 0; !stop.IsCancellationRequested; seed++)
                await CliRun.PutAsync(bus, 20, seed);
        });
        for (var i = 0; i < 40; i++)
        {
            var (checkedCode, check) = await _run.JsonAsync("check");
            Assert.True(checkedCode == 0, check.ToString());
            var (balanced, stats) = await _run.JsonAsync("stats");
            Assert.True(balanced == 0, stats.ToString());
        }
        await stop.CancelAsync();
        await writing.WaitAsync(CliRun.Patience);
        await bus.StopAsync();
        Assert.Equal(0, (await _run.JsonAsync("check")).Code);
    }

    [Fact]
    public async Task Cat_selects_by_lane_number_time_profile_and_count()
    {
        await FillAsync();
        var all = await _run.CatAsync();
        Assert.Equal(Enumerable.Range(0, 60).Select(n => (ulong)n), all.Select(line => line.Sequence));
        Assert.Equal(60, all.Select(line => line.Id).Distinct().Count());
        Assert.Equal(7, all[7].Json.GetProperty("data").GetProperty("n").GetInt32());
        Assert.Equal("y", all[5].Json.GetProperty("evbusprofile").GetString());
        Assert.Equal(40, (await _run.CatAsync("--lane", "slow")).Count);
        Assert.Empty(await _run.CatAsync("--lane", "fast"));
        Assert.Equal([10UL, 11, 12], (await _run.CatAsync("--from", "10", "--to", "12")).Select(line => line.Sequence));
        Assert.Equal(20, (await _run.CatAsync("--profile", "[y]")).Count);
        Assert.Equal([0UL, 1], (await _run.CatAsync("--limit", "2")).Select(line => line.Sequence));
        Assert.Equal(60, (await _run.CatAsync("--from", "2001-01-01", "--to", "now")).Count);
        Assert.Empty(await _run.CatAsync("--from", "2999-01-01T00:00:00Z"));
        Assert.Empty(await _run.CatAsync("--from", "now"));
    }

    [Fact]
    public async Task Export_writes_a_file_of_its_owner_and_says_where_to_go_on()
    {
        await FillAsync();
        var (code, json) = await _run.JsonAsync("export", "--to", _run["a.ndjson"], "--until", "24");
        Assert.Equal((0, 25, 25), (code, json.GetProperty("events").GetInt32(), json.GetProperty("next").GetInt32()));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_run["a.ndjson"]));
        await _run.JsonAsync("export", "--to", _run["b.ndjson"], "--from", "25");
        Assert.Equal(60, File.ReadLines(_run["a.ndjson"]).Concat(File.ReadLines(_run["b.ndjson"])).Distinct().Count());
        await _run.JsonAsync("export", "--to", _run["bodies"], "--bodies", "--limit", "1");
        Assert.StartsWith("{\"n\":0,", File.ReadAllText(_run["bodies"]), StringComparison.Ordinal);
        var again = await _run.RunAsync("journal", "export", _run.Journal, "--to", _run["a.ndjson"]);
        Assert.Equal(2, again.Code);
        Assert.Contains("is there already", again.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("There is no directory", "journal", "stats", "{nowhere}")]
    [InlineData("There is no journal in", "journal", "check", "{empty}")]
    [InlineData("is a file", "journal", "check", "{file}")]
    [InlineData("no lane 'ghost'", "journal", "cat", "{journal}", "--lane", "ghost")]
    [InlineData("--from takes", "journal", "cat", "{journal}", "--from", "yesterday")]
    [InlineData("--limit is", "journal", "cat", "{journal}", "--limit", "-1")]
    [InlineData("--help", "journal", "stats")]
    [InlineData("--help", "journal", "nonsense")]
    [InlineData("--help", "journal", "stats", "@file")]
    public async Task Wrong_use_is_one_clear_line(string expected, params string[] args)
    {
        await FillAsync(3);
        Directory.CreateDirectory(_run["empty"]);
        File.WriteAllText(_run["file"], "");
        var (code, output, error) = await _run.RunAsync([.. args.Select(arg => arg.Replace("{journal}", _run.Journal, StringComparison.Ordinal)
            .Replace("{nowhere}", _run["nowhere"], StringComparison.Ordinal).Replace("{empty}", _run["empty"], StringComparison.Ordinal).Replace("{file}", _run["file"], StringComparison.Ordinal))]);
        if (args[^1] == "@file")
            expected = "There is no directory '@file'";
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Equal(1, error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task A_key_in_the_place_of_a_directory_is_not_said_aloud()
    {
        const string key = "YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=";
        foreach (var args in new[] { new[] { "journal", "stats", key }, ["journal", key], ["journal", "stats", "x", "--lane", key] })
        {
            var (code, output, error) = await _run.RunAsync(args);
            Assert.Equal((2, ""), (code, output));
            Assert.DoesNotContain("YeckEn", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_journal_of_a_newer_version_is_refused_with_words()
    {
        await FillAsync(5);
        var file = Directory.GetFiles(Path.Combine(_run.Journal, "log")).Single();
        var bytes = File.ReadAllBytes(file);
        bytes[8] = 9;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), EvBus.Journal.JournalFormat.HeaderChecksum(bytes));
        File.WriteAllBytes(file, bytes);
        var (code, _, error) = await _run.RunAsync("journal", "check", _run.Journal);
        Assert.Equal(2, code);
        Assert.Contains("format 9", error, StringComparison.Ordinal);
    }
}
