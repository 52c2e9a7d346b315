using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus;

/// <summary>
/// A named, decrypted set of credentials. Prints as <c>***</c> wherever it could be printed: <see cref="ToString"/>, logs, JSON,
/// the debugger. It is deliberately not enumerable, so that no serializer finds its values; ask for each by its key.
/// </summary>
/// <remarks>Immutable; safe from any thread.</remarks>
[DebuggerDisplay("***")]
[DebuggerTypeProxy(typeof(Redacted))]
[JsonConverter(typeof(RedactingConverter))]
public sealed class Profile
{
    private readonly IReadOnlyDictionary<string, object?> _values;

    /// <summary>Makes a profile.</summary>
    /// <param name="provider">The key it stood under in the acct file, such as <c>kafka</c> or <c>pika</c>.</param>
    /// <param name="name">Its own name; also the pattern that events' profiles are matched with.</param>
    /// <param name="values">Its values: null, bool, long, ulong, double, string, byte[], lists and maps of these.</param>
    /// <param name="occurrence">1 for the first entry of that name under the provider, 2 for the next (a list may repeat names).</param>
    public Profile(string provider, string name, IReadOnlyDictionary<string, object?> values, int occurrence = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(provider);
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(occurrence, 1);
        Provider = provider;
        Name = name;
        Occurrence = occurrence;
        _values = values;
    }

    /// <summary>The key the profile stood under in its file, such as <c>kafka</c> or <c>pika</c>.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string Provider { get; }

    /// <summary>The profile's name.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public string Name { get; }

    /// <summary>1 for the first entry of this name under its provider, 2 for the next.</summary>
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public int Occurrence { get; }

    /// <summary>The source it was read from, for messages; set once, by whoever read it.</summary>
    internal string? Origin { get; set; }

    /// <summary>Where the value stands, for messages: <c>provider/name: key</c>.</summary>
    /// <param name="key">The key.</param>
    public string PathOf(string key) => $"{Provider}/{Name}: {key}";

    /// <summary>The keys, without their values.</summary>
    public IReadOnlyList<string> GetKeys() => [.. _values.Keys];

    /// <summary>Whether the key is there, also with a null.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>A text; numbers and booleans are written as YAML 1.1 would read them back. Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is a list, a map or bytes.</exception>
    public string? GetString(string key) => Find(key) is { } value ? Text(key, value) : null;

    /// <summary>A text that must be there.</summary>
    /// <exception cref="EvBusConfigurationException">The key is missing, or its value is not a text.</exception>
    public string GetRequiredString(string key) => GetString(key) is { Length: > 0 } text
        ? text
        : throw new EvBusConfigurationException($"Profile {PathOf(key)} is missing. Add it to the profile{In}.");

    /// <summary>A whole number, also from a text of digits. Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is not a whole number.</exception>
    public long? GetInt64(string key) => Find(key) switch
    {
        null => null,
        long number => number,
        int number => number,
        ulong number when number <= long.MaxValue => (long)number,
        string text when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw Wrong(key, "a whole number"),
    };

    /// <summary>A number, also from a text. Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is not a number.</exception>
    public double? GetDouble(string key) => Find(key) switch
    {
        null => null,
        double number => number,
        long number => number,
        int number => number,
        ulong number => number,
        string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw Wrong(key, "a number"),
    };

    /// <summary>A truth value, also from the words YAML 1.1 knows (<c>yes</c>, <c>off</c>, …). Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is neither.</exception>
    public bool? GetBoolean(string key) => Find(key) switch
    {
        null => null,
        bool truth => truth,
        string text when text.ToUpperInvariant() is "TRUE" or "YES" or "ON" => true,
        string text when text.ToUpperInvariant() is "FALSE" or "NO" or "OFF" => false,
        _ => throw Wrong(key, "true or false"),
    };

    /// <summary>Bytes (<c>!!binary</c>), or a text as UTF-8. Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is something else.</exception>
    public ReadOnlyMemory<byte>? GetBytes(string key) => Find(key) switch
    {
        // Without the cast it is an array that is null, which would become bytes of which there are none.
        null => (ReadOnlyMemory<byte>?)null,
        byte[] bytes => bytes,
        string text => System.Text.Encoding.UTF8.GetBytes(text),
        _ => throw Wrong(key, "bytes or a text"),
    };

    /// <summary>One value with the type it has in the profile: a text, a truth value, a whole number, a number with a fraction, or bytes. Null when the key is missing or null.</summary>
    /// <returns><see cref="string"/>, <see cref="bool"/>, <see cref="long"/>, <see cref="ulong"/> beyond that, <see cref="double"/> or an array of bytes.</returns>
    /// <exception cref="EvBusConfigurationException">The value is a list or a map.</exception>
    public object? GetScalar(string key) => Find(key) switch
    {
        null => null,
        int number => (long)number,
        ulong number when number <= long.MaxValue => (long)number,
        var value when value is string or bool or long or ulong or double or byte[] => value,
        _ => throw Wrong(key, "one value, and no list or map"),
    };

    /// <summary>A list of texts; a single text counts as a list of one. Empty when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value, or one in it, is not a text.</exception>
    public IReadOnlyList<string> GetStrings(string key) => Find(key) switch
    {
        null => [],
        IEnumerable list and not (string or byte[] or IReadOnlyDictionary<string, object?>) => [.. list.Cast<object?>().Select(item => Text(key, item ?? ""))],
        { } value => [Text(key, value)],
    };

    /// <summary>A map inside the profile, such as <c>connection</c>; it prints as <c>***</c> as well. Null when the key is missing or null.</summary>
    /// <exception cref="EvBusConfigurationException">The value is not a map.</exception>
    public Profile? GetSection(string key) => Find(key) switch
    {
        null => null,
        IReadOnlyDictionary<string, object?> map => new Profile(Provider, $"{Name}/{key}", map) { Origin = Origin },
        _ => throw Wrong(key, "a map"),
    };

    /// <summary>Whether two profiles carry the same values, to tell a rotated one from one that is only read again.</summary>
    /// <param name="other">The other one.</param>
    public bool HasSameValuesAs(Profile other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Same(_values, other._values);
    }

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";

    /// <summary>What must not be repeated in messages.</summary>
    internal ProfileSecrets FindSecrets() => ProfileSecrets.Of(_values);

    private static bool Same(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (byte[] a, byte[] b) => a.AsSpan().SequenceEqual(b),
        (string a, string b) => a == b,
        (IReadOnlyDictionary<string, object?> a, IReadOnlyDictionary<string, object?> b) =>
            a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var value) && Same(pair.Value, value)),
        (IReadOnlyList<object?> a, IReadOnlyList<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => Same(pair.First, pair.Second)),
        _ => Equals(left, right),
    };

    private object? Find(string key) => _values.GetValueOrDefault(key);

    private string Text(string key, object value) => value switch
    {
        string text => text,
        bool truth => truth ? "true" : "false",
        long or int or ulong or double => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        _ => throw Wrong(key, "a text"),
    };

    // The value itself must not be named: it may be the password.
    private EvBusConfigurationException Wrong(string key, string wanted) =>
        new($"Profile {PathOf(key)} must be {wanted}. Correct it{In}.");

    private string In => Origin is null ? "" : $" in {Origin}";

    private sealed class Redacted
    {
        public Redacted(Profile profile) => _ = profile;
    }

    private sealed class RedactingConverter : JsonConverter<Profile>
    {
        public override Profile Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A profile cannot be read from JSON: it comes from an IProfileSource.");

        public override void Write(Utf8JsonWriter writer, Profile value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
