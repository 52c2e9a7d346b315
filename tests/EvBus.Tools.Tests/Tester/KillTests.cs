using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Xunit;

namespace EvBus.Tools.Tests.Tester;

/// <summary>
/// The tester on a journal on disk, killed (SIGKILL) again and again at moments that chance picks: real files, real fsync, a real process.
/// 50 kills here; EVBUS_KILL_ROUNDS=1000 for a long night.
/// </summary>
public sealed class KillTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-kill-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task After_any_number_of_kills_every_durable_receipt_stands_in_the_output_in_order_and_the_ledger_balances()
    {
        var rounds = int.Parse(Environment.GetEnvironmentVariable("EVBUS_KILL_ROUNDS") ?? "50", CultureInfo.InvariantCulture);
        var seed = Environment.TickCount;
        var chance = new Random(seed);
        for (var round = 0; round < rounds; round++)
        {
            using var child = Start("--input", "-", "--receipt", "durable", "--receipts-to", At("receipts"));
            // It reads as fast as it is fed, and is fed until it is dead.
            var feeding = FeedAsync(child, round * 1_000_000);
            var wanted = LengthOf("receipts") + chance.Next(1, 60_000);
            var began = Stopwatch.GetTimestamp();
            while (LengthOf("receipts") < wanted && !child.HasExited && Stopwatch.GetElapsedTime(began) < Patience)
                await Task.Yield();
            Assert.False(child.HasExited, $"Seed {seed}, round {round}: {(child.HasExited ? await child.StandardError.ReadToEndAsync() : "")}");
            child.Kill();
            await child.WaitForExitAsync().WaitAsync(Patience);
            await feeding;
        }

        using var drain = Start("--drain", "--summary");
        drain.StandardInput.Close();
        var summary = await drain.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await drain.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(drain.ExitCode == 0, $"Seed {seed}: {summary}");

        var ids = new HashSet<string>();
        var last = -1;
        foreach (var line in File.ReadLines(At("output")))
        {
            var evt = JsonDocument.Parse(line).RootElement;
            if (!ids.Add(evt.GetProperty("id").GetString()!))
                continue;
            var number = int.Parse(evt.GetProperty("data").ToString(), CultureInfo.InvariantCulture);
            Assert.True(number > last, $"Seed {seed}: {number} came after {last}.");
            last = number;
        }
        // The kill may have cut the last line of a run short; the next one went on behind it.
        var missing = File.ReadLines(At("receipts")).Where(id => id.Length == 36 && !ids.Contains(id)).ToArray();
        Assert.True(missing.Length == 0, $"Seed {seed}: {missing.Length} receipts are missing, {missing.FirstOrDefault()} first.");
        Assert.Contains($"file/out: delivered {ids.Count:N0}, dead 0, dropped 0, queued 0", summary, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_journal_with_a_segment_of_three_gigabytes_opens_within_64_mebibytes_of_memory()
    {
        using (var child = Start("--input", "-", "--receipt", "durable", "--receipts-to", At("receipts")))
        {
            var feeding = FeedAsync(child, 0);
            var began = Stopwatch.GetTimestamp();
            while (LengthOf("receipts") < 10_000 && !child.HasExited && Stopwatch.GetElapsedTime(began) < Patience)
                await Task.Yield();
            child.Kill();
            await child.WaitForExitAsync().WaitAsync(Patience);
            await feeding;
        }
        // As the file system gives what was reserved and never written: zeros.
        var last = Directory.EnumerateFiles(At("journal/log"), "*.evj").Order(StringComparer.Ordinal).Last();
        using (var stream = new FileStream(last, FileMode.Open))
            stream.SetLength(3L << 30);

        using var drain = Start(["--drain", "--summary"], heap: 64 << 20);
        drain.StandardInput.Close();
        var summary = await drain.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await drain.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(drain.ExitCode == 0, summary);
        var delivered = File.ReadLines(At("output")).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).ToHashSet();
        Assert.Superset(File.ReadLines(At("receipts")).Where(id => id.Length == 36).ToHashSet(), delivered!);
    }

    private static async Task FeedAsync(Process child, int number)
    {
        try
        {
            for (; ; number += 1000)
                await child.StandardInput.WriteAsync(string.Concat(Enumerable.Range(number, 1000).Select(n => $"{n}\n")));
        }
        catch (IOException)
        {
            // It is dead, as it should be.
        }
    }

    private Process Start(params string[] words) => Start(words, heap: null);

    private Process Start(string[] words, long? heap)
    {
        if (!File.Exists(At("c.yml")))
            File.WriteAllText(At("c.yml"), $"file: {{out: {{path: {At("output")}, format: cloudevents}}}}\n");
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "evbus-test.dll"), .. words, "--quiet", "--journal", At("journal"), "--acct-file", At("c.yml")])
        {
            RedirectStandardInput = true, RedirectStandardError = true,
        };
        start.Environment.Remove("ACCT_KEY");
        if (heap is { } most)
            start.Environment["DOTNET_GCHeapHardLimit"] = $"0x{most:x}";
        return Process.Start(start)!;
    }

    private string At(string name) => Path.Combine(_folder, name);

    private long LengthOf(string name) => File.Exists(At(name)) ? new FileInfo(At(name)).Length : 0;
}
