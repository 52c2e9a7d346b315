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
    public static EventSerializer Json { get; } = new PythonJsonSerializer();

    /// <summary>JSON without a space too many, UTF-8 as it is: the smallest.</summary>
    public static EventSerializer JsonCompact { get; } = new CompactJsonSerializer();

    /// <summary>MessagePack, as Python's msgpack writes the same value.</summary>
    public static EventSerializer MessagePack { get; } = new MessagePackSerializer();

    /// <summary>What Python's <c>str()</c> gives: a text as it is, anything else as Python would print it.</summary>
    public static EventSerializer Text { get; } = new TextSerializer();

    /// <summary>All of them, the default first.</summary>
    public static IReadOnlyList<EventSerializer> All { get; } = [Json, JsonCompact, MessagePack, Text];

    /// <summary>The serializer of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static EventSerializer Find(string name) => All.FirstOrDefault(each => each.Name == name)
        ?? throw new ArgumentException($"There is no serializer '{name}'. There are: {string.Join(", ", All.Select(each => each.Name))}.", nameof(name));

    /// <summary>Writes <paramref name="value"/>.</summary>
    /// <exception cref="NotSupportedException">The value cannot be serialized; nothing is accepted.</exception>
    public abstract void Serialize<T>(T value, IBufferWriter<byte> target);
}
