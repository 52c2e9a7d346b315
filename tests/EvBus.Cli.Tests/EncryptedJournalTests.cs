using EvBus.Testing;

namespace EvBus.Cli.Tests;

/// <summary>The command and a journal that is encrypted: what needs no key works without, the rest asks for it.</summary>
public sealed class EncryptedJournalTests : IDisposable
{
    private readonly CliRun _run = new() { Key = JournalKey.Generate() };

    public void Dispose() => _run.Dispose();

    private void GiveKey() => _run.Variables[JournalKey.Variable] = _run.Key!.Reveal();

    /// <summary>A lane with a backlog and one with dead letters.</summary>
    private async Task FillAsync(int count = 60)
    {
        var picky = new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("not wanted")) };
        await using var bus = _run.Bus(("all", null, CliRun.Down()), ("picky", "x", picky));
        await bus.StartAsync();
        await CliRun.PutAsync(bus, count);
        await CliRun.UntilAsync(() => bus.GetStatus().Lanes.Single(lane => lane.Id == "picky").Queued == 0);
        await bus.StopAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task Check_and_stats_need_no_key_and_cat_export_and_dead_letters_say_that_they_do()
    {
        await FillAsync();
        var (code, output, error) = await _run.RunAsync("journal", "check", _run.Journal);
        Assert.True(code == 0, output + error);
        var (stats, json) = await _run.JsonAsync("stats");
        Assert.Equal((0, 60), (stats, json.GetProperty("accepted").GetInt32()));
        foreach (var args in (string[][])[["cat", _run.Journal], ["export", _run.Journal, "--to", _run["out"]], ["dead", "list", _run.Journal], ["dead", "show", _run.Journal, "--lane", "picky", "1"]])
        {
            (code, output, error) = await _run.RunAsync(["journal", .. args]);
            Assert.True(code is 1 or 2, $"{args[0]}: {code}");
            Assert.Contains("--key-file", error, StringComparison.Ordinal);
            Assert.DoesNotContain("\"n\":", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task With_the_key_in_the_environment_or_in_a_file_everything_is_as_ever()
    {
        await FillAsync();
        GiveKey();
        var lines = await _run.CatAsync();
        Assert.Equal(Enumerable.Range(0, 60), lines.Select(line => line.Json.GetProperty("data").GetProperty("n").GetInt32()));
        Assert.Equal(20, (await _run.CatAsync("--profile", "x")).Count);
        var (code, stats) = await _run.JsonAsync("stats");
        Assert.Equal((0, true), (code, stats.GetProperty("balances").GetBoolean()));
        _run.Variables.Clear();
        await File.WriteAllTextAsync(_run["k"], _run.Key!.Reveal() + "\n");
        var (_, shown) = await _run.JsonAsync("dead show", "--lane", "picky", "2", "--key-file", _run["k"]);
        Assert.Equal("not wanted", shown.GetProperty("reason").GetString());
        Assert.Equal(1, shown.GetProperty("event").GetProperty("data").GetProperty("n").GetInt32());
        var (replayed, report) = await _run.JsonAsync("dead replay", "--lane", "picky", "2", "--key-file", _run["k"]);
        Assert.Equal((0, 1), (replayed, report.GetProperty("letters").GetInt32()));
        foreach (var file in Directory.GetFiles(_run.Journal, "*", SearchOption.AllDirectories))
            Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf("\"pad\":"u8) < 0, $"'{file}' holds plain text.");
        var picky = new ScriptedPublisher();
        await using var bus = _run.Bus(("all", null, CliRun.Down()), ("picky", "x", picky));
        await bus.StartAsync();
        await picky.WaitForEventsAsync(1).WaitAsync(CliRun.Patience);
        await bus.StopAsync(TimeSpan.Zero);
        Assert.Contains("\"n\":1,", picky.Delivered[0].GetText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_change_of_the_key_a_file_with_both_opens_all_of_it_and_one_alone_is_refused()
    {
        await FillAsync();
        var former = _run.Key!;
        var added = JournalKey.Generate();
        _run.Key = added.WithFormer(former);
        await FillAsync();
        await File.WriteAllTextAsync(_run["both"], $"{added.Reveal()}\n{former.Reveal()}\n");
        var lines = await _run.CatAsync("--key-file", _run["both"]);
        Assert.Equal(Enumerable.Range(0, 60).Concat(Enumerable.Range(0, 60)), lines.Select(line => line.Json.GetProperty("data").GetProperty("n").GetInt32()));
        var (shown, letters) = await _run.JsonAsync("dead list", "--key-file", _run["both"]);
        Assert.True(shown == 0, letters.ToString());
        foreach (var (key, said) in new[] { (added, "former key"), (former, "is not the one") })
        {
            _run.Variables[JournalKey.Variable] = key.Reveal();
            var (code, _, error) = await _run.RunAsync("journal", "cat", _run.Journal);
            Assert.Equal(2, code);
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.DoesNotContain(key.Reveal(), error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Another_key_is_refused_by_every_command_without_being_shown()
    {
        await FillAsync(10);
        var other = _run.Variables[JournalKey.Variable] = JournalKey.Generate().Reveal();
        foreach (var args in (string[][])[["cat", _run.Journal], ["check", _run.Journal], ["dead", "list", _run.Journal]])
        {
            var (code, _, error) = await _run.RunAsync(["journal", .. args]);
            Assert.Equal(2, code);
            Assert.Contains("is not the one it is encrypted with", error, StringComparison.Ordinal);
            Assert.DoesNotContain(other!, error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Damaged_ciphertext_is_found_and_repaired_without_a_key_and_only_that_event_is_lost()
    {
        await FillAsync();
        var file = Directory.GetFiles(Path.Combine(_run.Journal, "log")).Order(StringComparer.Ordinal).First();
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[64 + 300] ^= 4;
        // The header as well: what its key is derived with is kept in the commits.
        bytes[57] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        var (code, check) = await _run.JsonAsync("check");
        Assert.Equal(1, code);
        Assert.Contains("records", check.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, (await _run.RunAsync("journal", "repair", _run.Journal)).Code);
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
        GiveKey();
        Assert.Equal(59, (await _run.CatAsync()).Count);
        var all = new ScriptedPublisher();
        await using var bus = _run.Bus(("all", null, all), ("picky", "x", new ScriptedPublisher()));
        await bus.StartAsync();
        var status = await bus.StopAsync(CliRun.Patience);
        Assert.Equal(59, all.Delivered.Count);
        Assert.All(status.Lanes, lane => Assert.Equal(lane.Matched, lane.Delivered + lane.Dead + lane.Dropped + lane.Queued));
    }

    [Fact]
    public async Task A_dead_letter_is_edited_by_file_by_attribute_and_with_an_editor_and_replayed_as_the_same_event()
    {
        await FillAsync(20);
        GiveKey();
        var (_, before) = await _run.JsonAsync("dead show", "--lane", "picky", "1");
        await File.WriteAllTextAsync(_run["body"], "{\"n\":100}");
        var (code, edited) = await _run.JsonAsync("dead edit", "--lane", "picky", "1", "--body", _run["body"], "--set", "subject=mended", "--set", "colour=red");
        Assert.Equal((0, true, 1), (code, edited.GetProperty("changed").GetBoolean(), edited.GetProperty("was").GetInt32()));
        var number = edited.GetProperty("number").GetUInt64();
        // An editor that puts one thing for another, and ends the file with a line break as editors do.
        var editor = _run["editor.sh"];
        await File.WriteAllTextAsync(editor, "sed -i 's/100/200/' \"$1\"; echo >> \"$1\"\n");
        (code, edited) = await _run.JsonAsync("dead edit", "--lane", "picky", $"{number}", "--editor", $"sh {editor}");
        Assert.Equal(0, code);
        var (_, after) = await _run.JsonAsync("dead show", "--lane", "picky", $"{edited.GetProperty("number").GetUInt64()}");
        var (was, now) = (before.GetProperty("event"), after.GetProperty("event"));
        Assert.Equal((was.GetProperty("id").GetString(), "mended", "red", 200), (now.GetProperty("id").GetString(), now.GetProperty("subject").GetString(), now.GetProperty("colour").GetString(), now.GetProperty("data").GetProperty("n").GetInt32()));
        Assert.Equal((before.GetProperty("reason").GetString(), before.GetProperty("time").GetString()), (after.GetProperty("reason").GetString(), after.GetProperty("time").GetString()));
        Assert.Equal(14, (await _run.JsonAsync("dead list")).Json.GetArrayLength());
        Assert.Equal(9, edited.GetProperty("body_bytes").GetInt32());
        foreach (var (wrong, what) in (List<(string[], string)>)[(["99", "--set", "subject=x"], "no dead letter 99"), (["2", "--set", "id=x"], "stays as it is"), (["2", "--set", "No-Such=x"], "is no attribute"), (["2", "--set", "subject"], "name=value"), (["2", "--body", _run["none"]], "cannot be read"), (["2", "--editor", "false"], "unchanged")])
        {
            var (failed, _, error) = await _run.RunAsync(["journal", "dead", "edit", _run.Journal, "--lane", "picky", .. wrong]);
            Assert.True(failed is 1 or 2, $"{wrong[^1]}: {failed}");
            Assert.Contains(what, error, StringComparison.Ordinal);
        }
        Assert.Equal(14, (await _run.JsonAsync("dead list")).Json.GetArrayLength());
        Assert.Equal(0, (await _run.RunAsync("journal", "check", _run.Journal)).Code);
    }
}
