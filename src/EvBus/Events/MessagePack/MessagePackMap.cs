using System.Collections;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus;

/// <summary>
/// A map as MessagePack and YAML know it: pairs in the order they were added, with keys of any scalar kind (null, bool, long, ulong,
/// double, string, bytes). Prints how many pairs it holds, never what they are; in JSON it is an object, its keys texts.
/// </summary>
/// <remarks>Not for several threads while it is being filled; any number may read it afterwards.</remarks>
[DebuggerDisplay("{ToString(),nq}")]
[SuppressMessage("Naming", "CA1710", Justification = "MessagePack calls it a map, and it is not an IDictionary.")]
[JsonConverter(typeof(Converter))]
public sealed class MessagePackMap : IReadOnlyCollection<KeyValuePair<object?, object?>>
{
    private readonly List<KeyValuePair<object?, object?>> _pairs;
    private readonly Dictionary<object, int> _index = new(KeyComparer.Instance);

    /// <summary>Makes an empty map.</summary>
    public MessagePackMap() => _pairs = [];

    internal MessagePackMap(int capacity) => _pairs = new(capacity);

    /// <summary>How many pairs it holds.</summary>
    public int Count => _pairs.Count;

    /// <summary>The value of a key. Setting a key that is there keeps its place.</summary>
    /// <param name="key">The key; an <see cref="int"/> finds a <see cref="long"/> of the same value.</param>
    /// <exception cref="KeyNotFoundException">There is no such key (when reading).</exception>
    public object? this[object? key]
    {
        get => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException("The map has no such key.");
        set
        {
            if (TryAdd(key, value))
                return;
            var at = _index[Normal(key)];
            _pairs[at] = new(_pairs[at].Key, value);
        }
    }

    /// <summary>Adds a pair at the end.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(object? key, object? value)
    {
        if (!TryAdd(key, value))
            throw new ArgumentException("The map has that key already.", nameof(key));
    }

    /// <summary>Adds a pair at the end unless the key is there already.</summary>
    /// <returns>Whether it was added.</returns>
    /// <exception cref="ArgumentException">The key is a list or a map.</exception>
    public bool TryAdd(object? key, object? value)
    {
        var normal = Normal(key);
        if (!_index.TryAdd(normal, _pairs.Count))
            return false;
        _pairs.Add(new(ReferenceEquals(normal, NullKey) ? null : normal, value));
        return true;
    }

    /// <summary>Whether the key is there.</summary>
    public bool ContainsKey(object? key) => _index.ContainsKey(Normal(key));

    /// <summary>Finds a value.</summary>
    /// <returns>Whether the key is there.</returns>
    public bool TryGetValue(object? key, [MaybeNullWhen(false)] out object? value)
    {
        var found = _index.TryGetValue(Normal(key), out var at);
        value = found ? _pairs[at].Value : null;
        return found;
    }

    /// <summary>The pairs, in the order they were added.</summary>
    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator() => _pairs.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The number of pairs.</summary>
    public override string ToString() => $"map of {_pairs.Count}";

    private static readonly object NullKey = new();

    private static object Normal(object? key) => key switch
    {
        null => NullKey,
        bool or string or long or double or byte[] => key,
        ulong number => number <= long.MaxValue ? (long)number : key,
        sbyte or byte or short or ushort or int or uint => Convert.ToInt64(key, CultureInfo.InvariantCulture),
        float number => (double)number,
        _ => throw new ArgumentException($"A {key.GetType().Name} cannot be a key: null, truth values, numbers, texts and bytes can.", nameof(key)),
    };

    private sealed class Converter : JsonConverter<MessagePackMap>
    {
        public override MessagePackMap Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A map of this kind is read from MessagePack; for JSON use JsonElement.");

        public override void Write(Utf8JsonWriter writer, MessagePackMap value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            foreach (var (key, item) in value)
            {
                writer.WritePropertyName(key switch
                {
                    null => "null",
                    bool truth => truth ? "true" : "false",
                    byte[] bytes => Convert.ToBase64String(bytes),
                    _ => Convert.ToString(key, CultureInfo.InvariantCulture)!,
                });
                JsonSerializer.Serialize(writer, item, options);
            }
            writer.WriteEndObject();
        }
    }

    private sealed class KeyComparer : IEqualityComparer<object>
    {
        public static readonly KeyComparer Instance = new();

        bool IEqualityComparer<object>.Equals(object? x, object? y) =>
            x is byte[] left && y is byte[] right ? left.AsSpan().SequenceEqual(right) : Equals(x, y);

        int IEqualityComparer<object>.GetHashCode(object key)
        {
            if (key is not byte[] bytes)
                return key.GetHashCode();
            var hash = new HashCode();
            hash.AddBytes(bytes);
            return hash.ToHashCode();
        }
    }
}

/// <summary>A MessagePack extension that has no meaning here: kept as it is, and written back as it is.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Data">Its bytes.</param>
public sealed record MessagePackExtension(sbyte Type, ReadOnlyMemory<byte> Data)
{
    /// <summary>Whether type and bytes are the same.</summary>
    public bool Equals(MessagePackExtension? other) => other is not null && other.Type == Type && other.Data.Span.SequenceEqual(Data.Span);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Type, Data.Length);

    /// <summary>The type and the length, never the bytes.</summary>
    public override string ToString() => $"extension {Type} of {Data.Length} bytes";
}
