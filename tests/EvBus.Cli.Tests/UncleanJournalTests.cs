using System.Text.Json;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Cli.Tests;

/// <summary>Journals as a process that was killed leaves them.</summary>
public sealed class UncleanJournalTests : IDisposable
{
    private readonly CliRun _run = new();
    private readonly CliRun _killed = new();

    public void Dispose()
    {
        _run.Dispose();
        _killed.Dispose();
    }

    /// <summary>A copy of a journal that is in use, all of it committed.</summary>
    private async Task KillAsync(int count = 50)
    {
        await using var bus = _run.Bus(("slow", null, CliRun.Down()));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, count);
        await bus.PutAsync(new BusEvent("last"), Receipt.Durable);
        await CliRun.UntilAsync(() => Tools.Cli.Journal.JournalFolder.Open(_run.Journal).Checkpoint?.Sequence == (ulong)count + 1);
        _run.CopyJournal(_killed.Journal);
        await bus.StopAsync(TimeSpan.Zero);
    }

    private string Log => Directory.GetFiles(Path.Combine(_killed.Journal, "log")).Order(StringComparer.Ordinal).Last();

    private async Task AppendToLogAsync(byte[] bytes)
    {
        var (_, stats) = await _killed.JsonAsync("stats");
        Assert.True(JournalFormat.TryParseName(Path.GetFileName(Log), out var firstByte, out _));
        Assert.True(JournalFormat.TryParseName(Path.GetFileName(Directory.GetFiles(Path.Combine(_killed.Journal, "log")).Order(StringComparer.Ordinal).First()), out var begin, out _));
        using var file = File.OpenHandle(Log, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.Write(file, bytes, JournalFormat.FileHeaderLength + begin + stats.GetProperty("bytes").GetInt64() - firstByte);
    }

    [Fact]
    public async Task An_unclean_end_is_said_and_is_no_damage()
    {
        await KillAsync();
        var (code, stats) = await _killed.JsonAsync("stats");
        Assert.Equal((0, 51), (code, stats.GetProperty("accepted").GetInt32()));
        Assert.Contains("not closed in order", stats.GetProperty("state").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, (await _killed.RunAsync("journal", "check", _killed.Journal)).Code);
    }

    [Fact]
    public async Task A_torn_tail_is_named_and_is_no_damage_and_repair_leaves_it_to_the_opening()
    {
        await KillAsync();
        var torn = new byte[300];
        new Random(3).NextBytes(torn);
        await AppendToLogAsync(torn);
        var (code, check) = await _killed.JsonAsync("check");
        var finding = check.GetProperty("findings").EnumerateArray().Single();
        Assert.Equal((0, true, "tail_uncertain", false), (code, check.GetProperty("ok").GetBoolean(), finding.GetProperty("kind").GetString(), finding.GetProperty("is_damage").GetBoolean()));
        Assert.Equal(300, finding.GetProperty("length").GetInt32());
        Assert.Equal(0, (await _killed.RunAsync("journal", "repair", _killed.Journal)).Code);
        Assert.Equal(51, (await _killed.CatAsync()).Count);

        var all = new ScriptedPublisher();
        await using var bus = _killed.Bus(("slow", null, all));
        await bus.StartAsync();
        await all.WaitForEventsAsync(51).WaitAsync(CliRun.Patience);
        await bus.StopAsync();
        Assert.Single(Directory.GetFiles(Path.Combine(_killed.Journal, "aside")));
        Assert.Equal(0, (await _killed.RunAsync("journal", "check", _killed.Journal)).Code);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_an_earlier_file_left_in_one_that_is_used_again_is_neither_event_nor_torn_tail(bool encrypted)
    {
        _run.Key = encrypted ? JournalKey.Generate() : null;
        string[] Logs() => Directory.GetFiles(Path.Combine(_run.Journal, "log"), "*.evj");
        bool IsReused()
        {
            using var file = new FileStream(Logs().Order(StringComparer.Ordinal).Last(), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Position = 10;
            return (file.ReadByte() & 4) != 0;
        }

        var count = 0;
        await using (var bus = _run.Bus(("fast", null, new ScriptedPublisher())))
        {
            await bus.StartAsync();
            do
            {
                await CliRun.PutAsync(bus, 50);
                count += 50;
                // Through, durably, and what is not needed is gone or kept for later.
                await CliRun.UntilAsync(() => Tools.Cli.Journal.JournalFolder.Open(_run.Journal).Checkpoint?.Sequence == (ulong)count && bus.GetStatus().Lanes[0].Queued == 0 && Logs().Length == 1);
            }
            while (!IsReused() && count < 10_000);
            Assert.True(IsReused());
            _run.CopyJournal(_killed.Journal);
            await bus.StopAsync();
        }
        var (code, check) = await _killed.JsonAsync("check");
        Assert.Equal((0, 0), (code, check.GetProperty("findings").GetArrayLength()));
        if (encrypted)
            _killed.Variables[JournalKey.Variable] = _run.Key!.Reveal();
        var left = (await _killed.CatAsync()).Select(line => (int)line.Sequence).ToArray();
        Assert.Equal(Enumerable.Range(count - left.Length, left.Length), left);
        Assert.Equal(0, (await _killed.RunAsync("journal", "repair", _killed.Journal)).Code);
    }

    [Fact]
    public async Task Damage_before_the_last_commit_is_damage_and_a_zeroed_end_that_was_confirmed_too()
    {
        await KillAsync();
        var file = Log;
        var bytes = File.ReadAllBytes(file);
        var used = bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        bytes.AsSpan(used - 400, 400).Clear();
        File.WriteAllBytes(file, bytes);
        var (code, check) = await _killed.JsonAsync("check");
        Assert.Equal(1, code);
        var lost = check.GetProperty("events_lost").GetInt32();
        Assert.InRange(lost, 1, 10);
        Assert.Equal(0, (await _killed.JsonAsync("repair")).Code);
        Assert.Equal(51 - lost, (await _killed.CatAsync()).Count);
        var (balanced, stats) = await _killed.JsonAsync("stats");
        Assert.Equal((0, lost), (balanced, stats.GetProperty("lanes")[0].GetProperty("dropped").GetProperty("damaged").GetInt32()));
        if (!OperatingSystem.IsWindows())
            Assert.All(Directory.GetFiles(Path.Combine(_killed.Journal, "aside")).Append(file), each => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(each)));
    }

    [Fact]
    public async Task A_checkpoint_that_is_missing_is_made_again()
    {
        await KillAsync();
        File.Delete(Path.Combine(_killed.Journal, "checkpoint"));
        var (code, check) = await _killed.JsonAsync("check");
        Assert.Equal((1, "checkpoint"), (code, check.GetProperty("findings")[0].GetProperty("kind").GetString()));
        Assert.Equal(0, (await _killed.JsonAsync("repair")).Code);
        Assert.Equal(0, (await _killed.RunAsync("journal", "check", _killed.Journal)).Code);
        Assert.Equal(51, (await _killed.JsonAsync("stats")).Json.GetProperty("accepted").GetInt32());
    }

    [Fact]
    public async Task A_cursor_of_another_journal_is_found_and_set_to_what_there_is()
    {
        await KillAsync();
        using (var other = new CliRun())
        {
            await using var bus = other.Bus(("slow", null, new ScriptedPublisher()));
            await bus.StartAsync();
            await CliRun.PutAsync(bus, 400, 9);
            await bus.StopAsync();
            File.Copy(Path.Combine(other.Journal, "lanes", "slow.cursor"), Path.Combine(_killed.Journal, "lanes", "slow.cursor"), overwrite: true);
        }
        Assert.Equal(1, (await _killed.JsonAsync("check")).Code);
        Assert.Equal(0, (await _killed.JsonAsync("repair")).Code);
        Assert.Equal(0, (await _killed.RunAsync("journal", "check", _killed.Journal)).Code);
        JsonElement stats = (await _killed.JsonAsync("stats")).Json;
        Assert.True(stats.GetProperty("balances").GetBoolean(), stats.ToString());
    }
}
