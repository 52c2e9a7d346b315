using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace EvBus.Benchmarks;

/// <summary>What encryption costs, and what compression would bring.</summary>
internal static class AtRestCases
{
    public static Row Encrypted(string name, int pairs, Func<JournalKey?, double> rate)
    {
        var key = JournalKey.Generate();
        var (ours, raw) = (new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
            (ours[i], raw[i]) = (rate(key), rate(null));
        var ratios = ours.Zip(raw, static (o, r) => o / r).Order().ToArray();
        return new Row(name, Limits.Median(ours), Limits.Median(raw), Limits.Median(ratios), ratios[0], ratios[^1], 0, "events/s encrypted, against plain");
    }

    /// <summary>Events a second through the fastest Brotli on one core, and the size that is left (ratio: bytes before by bytes after).</summary>
    public static Row Compressed(string name, int bytes, bool perRecord)
    {
        var random = new Random(1);
        var events = Enumerable.Range(0, 20_000).Select(n => Body(n, random, bytes)).ToArray();
        var pieces = perRecord ? events : [.. events.Chunk(200).Select(static chunk => chunk.SelectMany(static each => each).ToArray())];
        var target = new byte[BrotliEncoder.GetMaxCompressedLength(pieces.Max(static piece => piece.Length))];
        var left = 0L;
        var began = Stopwatch.GetTimestamp();
        foreach (var piece in pieces)
            left += BrotliEncoder.TryCompress(piece, target, out var written, quality: 1, window: 18) ? written : piece.Length;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        using var zlib = new MemoryStream();
        began = Stopwatch.GetTimestamp();
        foreach (var piece in pieces)
        {
            using var stream = new ZLibStream(zlib, CompressionLevel.Fastest, leaveOpen: true);
            stream.Write(piece);
        }
        var zlibSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var total = (double)events.Sum(static each => each.Length);
        return new Row(name, events.Length / seconds, events.Length / zlibSeconds, total / left, total / left, total / zlib.Length, 0, "events/s by Brotli 1 (ours) and zlib fastest (raw) on one core; ratio before/after, lowest Brotli, highest zlib");
    }

    private static byte[] Body(int number, Random random, int bytes)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{{\"order\":{number},\"customer\":\"{random.Next(100_000):x8}\",\"currency\":\"EUR\",\"lines\":[");
        while (text.Length < bytes - 60)
            text.Append(CultureInfo.InvariantCulture, $"{{\"sku\":\"{random.Next(1_000_000)}\",\"amount\":{random.Next(10_000) / 100.0},\"count\":{random.Next(9)}}},");
        return Encoding.UTF8.GetBytes(text.Append("null],\"status\":\"paid\"}").ToString());
    }
}
