using System.Buffers;

namespace EvBus;

/// <summary>Turns objects into bodies, once, on the caller's thread. Implementations must be safe from any thread.</summary>
public abstract class EventSerializer
{
    /// <summary>The name it goes by in options: <c>json</c>, <c>json-compact</c>, <c>msgpack</c>, <c>str</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The content type of what it writes.</summary>
    public abstract string ContentType { get; }

    /// <summary>JSON byte for byte as the original writes it: <c>", "</c> and <c>": "</c>, non-ASCII as <c>\uXXXX</c>, insertion order. The default.</summary>
    public static EventSerializer Json { get; } = null!;

    /// <summary>Writes <paramref name="value"/>.</summary>
    /// <exception cref="NotSupportedException">The value cannot be serialized; nothing is accepted.</exception>
    public abstract void Serialize<T>(T value, IBufferWriter<byte> target);
}
