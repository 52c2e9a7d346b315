using System.Buffers;
using EvBus.Serializers;

namespace EvBus;

/// <summary>Turns objects into bodies, once, on the caller's thread. Implementations must be safe from any thread.</summary>
public abstract class EventSerializer
{
    /// <summary>The name it goes by in options: <c>json</c>, <c>json-compact</c>, <c>msgpack</c>, <c>str</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The content type of what it writes.</summary>
    public abstract string ContentType { get; }

    /// <summary>
    /// JSON byte for byte as the original writes it: <c>", "</c> and <c>": "</c>, non-ASCII as <c>\uXXXX</c>, insertion order, floats as
    /// Python prints them (<c>1.0</c>, <c>1e+16</c>, and <c>NaN</c>, which is no JSON but is what consumers of the original get). The default.
    /// </summary>
    public static EventSerializer Json { get; } = new JsonEventSerializer("json", JsonStyle.Python);

    /// <summary>JSON in the fewest bytes: no spaces, non-ASCII as UTF-8. Refuses NaN and the infinities with <see cref="NotSupportedException"/>.</summary>
    public static EventSerializer JsonCompact { get; } = new JsonEventSerializer("json-compact", JsonStyle.Compact);

    /// <summary>MessagePack of today's specification (str8, bin, float64), each integer in its shortest form.</summary>
    public static EventSerializer MessagePack { get; } = new MessagePackEventSerializer();

    /// <summary>What Python's <c>str()</c> gives, as UTF-8: a text as it is, anything else as Python prints it (<c>{'a': True}</c>).</summary>
    public static EventSerializer Text { get; } = new TextEventSerializer();

    /// <summary>The serializers there are, in the order they are named in messages.</summary>
    public static IReadOnlyList<EventSerializer> All { get; } = [Json, JsonCompact, MessagePack, Text];

    /// <summary>Finds a serializer by its name. Names are lower case and compared as they are.</summary>
    /// <param name="name">One of <c>json</c>, <c>json-compact</c>, <c>msgpack</c>, <c>str</c>.</param>
    /// <exception cref="ArgumentException">There is none of that name; the message lists those there are.</exception>
    public static EventSerializer Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (var serializer in All)
        {
            if (serializer.Name == name)
                return serializer;
        }
        throw new ArgumentException($"There is no serializer called '{name}'. Choose one of: {string.Join(", ", All.Select(each => each.Name))}.", nameof(name));
    }

    /// <summary>
    /// Writes <paramref name="value"/>: null, texts, numbers of any size, dictionaries, lists, <see cref="System.Text.Json.JsonElement"/> and
    /// its relatives (number tokens stay as they are), and any object System.Text.Json knows how to take apart.
    /// </summary>
    /// <exception cref="NotSupportedException">The value cannot be serialized; nothing is accepted.</exception>
    public abstract void Serialize<T>(T value, IBufferWriter<byte> target);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
