using System.Buffers.Binary;
using System.Globalization;
using EvBus.Journal;
using EvBus.Testing;

namespace EvBus.Cli.Tests;

/// <summary>
/// A journal with a finished and a queued lane, made once by a real bus; and a seeded hand that damages copies of it. What is lost is
/// known by comparing bytes, without any of the code that is tested.
/// </summary>
public sealed class DamagedFixture : IAsyncLifetime
{
    public const int Events = 240;

    private readonly CliRun _run = new();
    private readonly Dictionary<string, byte[]> _files = new(StringComparer.Ordinal);
    private readonly List<Placed> _records = [];
    private readonly Dictionary<string, byte[]> _copies = new(StringComparer.Ordinal);

    private sealed record Placed(string File, int Offset, int Length, long At, ulong? Sequence);

    public async ValueTask InitializeAsync()
    {
        var fast = new ScriptedPublisher();
        await using (var bus = _run.Bus(("fast", null, fast), ("slow", "x*", CliRun.Down()), ("all", null, CliRun.Down())))
        {
            await bus.StartAsync();
            await CliRun.PutAsync(bus, Events);
            await fast.WaitForEventsAsync(Events).WaitAsync(CliRun.Patience);
            await bus.StopAsync(TimeSpan.Zero);
        }
        foreach (var path in Directory.EnumerateFiles(_run.Journal, "*", SearchOption.AllDirectories))
        {
            if (Path.GetFileName(path) is not ("lock" or "lock.owner"))
                _files[Path.GetRelativePath(_run.Journal, path)] = File.ReadAllBytes(path);
        }
        foreach (var (name, bytes) in Logs)
        {
            if (_records.Count(record => record.Offset == JournalFormat.FileHeaderLength) % 2 == 1)
                MarkReused(bytes);
            Assert.True(JournalFormat.TryParseName(Path.GetFileName(name), out var firstByte, out var sequence));
            for (var at = JournalFormat.FileHeaderLength; at < bytes.Length;)
            {
                var length = EventCodec.ReadLength(bytes.AsSpan(at));
                var isEvent = !JournalFormat.IsControl(bytes.AsSpan(at));
                _records.Add(new Placed(name, at, length, firstByte + at - JournalFormat.FileHeaderLength, isEvent ? sequence++ : null));
                at += length;
            }
        }
        Assert.Equal(Events, _records.Count(record => record.Sequence is not null));
        Assert.True(Logs.Count() >= 4);
    }

    public ValueTask DisposeAsync()
    {
        _run.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Every second file is as one that was used again.</summary>
    private static void MarkReused(byte[] bytes)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), 3);
        bytes[10] |= 4;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), JournalFormat.HeaderChecksum(bytes));
        var mark = FileMark.Of(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(32)));
        Assert.NotEqual(0U, mark);
        for (var (at, length) = (JournalFormat.FileHeaderLength, 0); at < bytes.Length; at += length)
            JournalFormat.Seal(bytes.AsSpan(at, length = EventCodec.ReadLength(bytes.AsSpan(at))), mark);
    }

    private IEnumerable<KeyValuePair<string, byte[]>> Logs => _files.Where(file => file.Key.StartsWith("log", StringComparison.Ordinal)).OrderBy(file => file.Key, StringComparer.Ordinal);

    /// <summary>A damaged copy: what was done to it, and which events cannot have survived.</summary>
    internal (string What, IReadOnlySet<ulong> Lost) Damage(string folder, int seed)
    {
        _copies.Clear();
        var random = new Random(seed);
        var copy = _files.ToDictionary(file => file.Key, file => (byte[])file.Value.Clone());
        var what = new List<string>();
        for (var left = 1 + random.Next(3); left > 0; left--)
            what.Add(DamageOnce(copy, random));
        foreach (var (name, bytes) in copy)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }
        var lost = _records.Where(record => record.Sequence is not null && !IsWhole(copy, record)).Select(record => record.Sequence!.Value).ToHashSet();
        return ($"seed {seed}: {string.Join("; ", what)}", lost);
    }

    private bool IsWhole(Dictionary<string, byte[]> copy, Placed record)
    {
        var before = _files[record.File].AsSpan(record.Offset, record.Length);
        // A file that is gone lives on in a copy of it under another name.
        var now = copy.GetValueOrDefault(record.File) ?? _copies.GetValueOrDefault(record.File);
        return now is not null && now.Length >= record.Offset + record.Length && now.AsSpan(record.Offset, record.Length).SequenceEqual(before);
    }

    private string DamageOnce(Dictionary<string, byte[]> copy, Random random)
    {
        var logs = copy.Keys.Where(name => name.EndsWith(".evj", StringComparison.Ordinal) && _files.ContainsKey(name)).Order(StringComparer.Ordinal).ToList();
        var name = logs[random.Next(logs.Count)];
        var bytes = copy[name];
        switch (random.Next(10))
        {
            case 0:
                // The version and the flags are not under the checksum: another version is another version.
                var inHeader = random.Next(4) == 0 ? random.Next(8) : 12 + random.Next(JournalFormat.FileHeaderLength - 12);
                return Flip(bytes, inHeader, random, name);
            case 1 or 2:
                return Flip(bytes, JournalFormat.FileHeaderLength + random.Next(Math.Max(1, bytes.Length - JournalFormat.FileHeaderLength)), random, name);
            case 3:
                var records = _records.Where(record => record.File == name).ToList();
                return Flip(bytes, records[random.Next(records.Count)].Offset + random.Next(EventCodec.HeaderLength), random, name);
            case 4:
                var length = JournalFormat.FileHeaderLength + random.Next(Math.Max(1, bytes.Length - JournalFormat.FileHeaderLength));
                copy[name] = bytes[..length];
                return $"{name} cut to {length}";
            case 5:
                var from = random.Next(bytes.Length);
                var zeros = Math.Min(bytes.Length - from, 1 + random.Next(8000));
                bytes.AsSpan(from, zeros).Clear();
                return $"{name} zeroed from {from}, {zeros} bytes";
            case 6 when logs.Count > 2:
                copy.Remove(name);
                return $"{name} missing";
            case 7:
                Assert.True(JournalFormat.TryParseName(Path.GetFileName(name), out var firstByte, out var sequence));
                var twin = random.Next(2) == 0 ? JournalFormat.NameOf(firstByte, sequence + 1) : JournalFormat.NameOf(firstByte + 1000, sequence + 1);
                _copies[name] = copy[twin] = (byte[])bytes.Clone();
                return $"{name} doubled as {twin}";
            case 8:
                return DamageSlot(copy, random, all: false);
            default:
                return DamageSlot(copy, random, all: true);
        }
    }

    private static string DamageSlot(Dictionary<string, byte[]> copy, Random random, bool all)
    {
        var states = copy.Keys.Where(each => each.EndsWith(".cursor", StringComparison.Ordinal) || each == JournalFormat.CheckpointName).Order(StringComparer.Ordinal).ToList();
        var name = states[random.Next(states.Count)];
        var (bytes, which) = (copy[name], random.Next(3));
        for (var slot = 0; slot < 3; slot++)
        {
            if (all || slot == which)
                bytes[(slot * bytes.Length / 3) + random.Next(24)] ^= (byte)(1 << random.Next(8));
        }
        return $"{name}: {(all ? "all slots" : $"slot {which}")}";
    }

    private static string Flip(byte[] bytes, int at, Random random, string name)
    {
        // It may have been cut before.
        at = Math.Min(at, bytes.Length - 1);
        bytes[at] ^= (byte)(1 << random.Next(8));
        return string.Create(CultureInfo.InvariantCulture, $"{name}: a bit of byte {at}");
    }
}
