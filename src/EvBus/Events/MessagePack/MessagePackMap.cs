using System.Collections;

namespace EvBus;

/// <summary>A map as MessagePack knows it: keys of any scalar type, in the order they were written. Not thread-safe.</summary>
public sealed class MessagePackMap : IEnumerable<KeyValuePair<object, object?>>
{
    private readonly List<object> _keys = [];
    private readonly Dictionary<object, object?> _values = [];

    /// <summary>How many entries there are.</summary>
    public int Count => _keys.Count;

    /// <summary>The value of a key; setting a key that is there keeps its place.</summary>
    /// <exception cref="KeyNotFoundException">There is no such key.</exception>
    public object? this[object key]
    {
        get => _values[key];
        set
        {
            if (_values.TryAdd(key, value))
                _keys.Add(key);
            else
                _values[key] = value;
        }
    }

    /// <summary>The value of a key, if it is there.</summary>
    public bool TryGetValue(object key, out object? value) => _values.TryGetValue(key, out value);

    /// <summary>Whether the key is there.</summary>
    public bool ContainsKey(object key) => _values.ContainsKey(key);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<object, object?>> GetEnumerator() => _keys.Select(key => new KeyValuePair<object, object?>(key, _values[key])).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
