using System.Buffers;

namespace EvBus.Ingress.File;

/// <summary>Turns events into lines. Not thread-safe.</summary>
internal sealed class LineWriter(FileFormat format)
{
    private readonly ArrayBufferWriter<byte> _lines = new(1 << 16);

    public ReadOnlySpan<byte> Lines => _lines.WrittenSpan;

    public void Clear() => _lines.ResetWrittenCount();

    /// <summary>Adds an event's line; the reason when it cannot be one.</summary>
    public string? Add(EventView evt) => EventLine.Write(evt, format == FileFormat.CloudEvents, _lines);
}
