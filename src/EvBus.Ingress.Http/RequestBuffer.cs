using System.Buffers;

namespace EvBus.Ingress.Http;

/// <summary>A growing buffer that can be cut back, so that an event that turns out to have no place costs only itself. Not thread-safe.</summary>
internal sealed class RequestBuffer : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[1 << 16];

    public int Length { get; private set; }

    public int Capacity => _bytes.Length;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    public void CutBack(int length) => Length = length;

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        var wanted = Math.Max(sizeHint, 1);
        if (_bytes.Length - Length < wanted)
            Array.Resize(ref _bytes, Math.Max(checked(Length + wanted), (int)Math.Min(Array.MaxLength, _bytes.Length * 2L)));
        return _bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
