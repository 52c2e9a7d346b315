using System.Buffers;
using System.Globalization;
using System.Text;
using EvBus.Serializers;

namespace EvBus.Tools.Tester.Sources;

/// <summary>Makes the random events of the original: <c>{"number": i, "timestamp": seconds, "data": "0000000"}</c>.</summary>
internal sealed class RandomSource(Random random, TimeProvider time, int? size)
{
    private long _number;

    public void Write(IBufferWriter<byte> target)
    {
        var seconds = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / 10 / 1e6;
        var head = string.Create(CultureInfo.InvariantCulture, $"{{\"number\": {_number++}, \"timestamp\": {PythonText.Float(seconds)}, \"data\": \"");
        var data = random.Next(0, 10_000_001).ToString("D7", CultureInfo.InvariantCulture);
        Encoding.ASCII.GetBytes(head, target);
        Encoding.ASCII.GetBytes(data, target);
        for (var missing = (size ?? 0) - head.Length - data.Length - 2; missing > 0; missing--)
            target.Write([(byte)('0' + random.Next(10))]);
        target.Write("\"}"u8);
    }
}
