using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EvBus;

/// <summary>
/// The thing that travels: attributes and a body of bytes. Owned and immutable: valid for ever, from any thread.
/// </summary>
public sealed class BusEvent
{
    private object? _parsed;

    /// <summary>Makes an event around <paramref name="body"/>. The memory is not copied; do not change it afterwards.</summary>
    /// <param name="body">The bytes that publishers carry. May be empty.</param>
    /// <param name="attributes">What the event says about itself; everything has a default.</param>
    public BusEvent(ReadOnlyMemory<byte> body, in EventAttributes attributes = default)
    {
        Body = body;
        Attributes = attributes;
    }

    /// <summary>Makes an event with a text body, encoded as UTF-8.</summary>
    /// <param name="body">The text. Never null.</param>
    /// <param name="attributes">What the event says about itself. Content type <c>text/plain; charset=utf-8</c> unless set.</param>
    public BusEvent(string body, in EventAttributes attributes = default)
        : this(Encoding.UTF8.GetBytes(body), attributes with { ContentType = attributes.ContentType ?? "text/plain; charset=utf-8" })
    {
    }

    /// <summary>What the event says about itself.</summary>
    public EventAttributes Attributes { get; }

    /// <summary>The bytes of the body.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The event's id; null until the door has stamped one (an event that comes out of the bus always has one).</summary>
    public string? Id => Attributes.Id;

    /// <summary>The profile the event is addressed to; null means every lane.</summary>
    public string? Profile => Attributes.Profile;

    /// <summary>The body as text (UTF-8; invalid sequences become U+FFFD).</summary>
    public string GetText() => Encoding.UTF8.GetString(Body.Span);

    /// <summary>
    /// The body as an object, parsed once for each event and type: JSON content types through System.Text.Json,
    /// <c>application/msgpack</c> through the MessagePack codec. Concurrent first calls may parse twice; each gets an equal value.
    /// </summary>
    /// <typeparam name="T">What to read: any type System.Text.Json can read, <see cref="JsonElement"/>, or string.</typeparam>
    /// <exception cref="JsonException">The body is not what its content type says.</exception>
    [RequiresUnreferencedCode(EventSerializers.NeedsReflection)]
    [RequiresDynamicCode(EventSerializers.NeedsReflection)]
    public T? Read<T>()
    {
        if (_parsed is T known)
            return known;
        var value = EventSerializers.Read<T>(this);
        if (value is not null)
            _parsed = value;
        return value;
    }

    /// <summary>As the other form, without reflection, for a body that is JSON: for trimmed and AOT-compiled programs. Parsed anew with each call.</summary>
    /// <param name="type">How to read it, from a <c>JsonSerializerContext</c> of the program.</param>
    /// <typeparam name="T">What to read.</typeparam>
    /// <exception cref="JsonException">The body is not what <paramref name="type"/> says.</exception>
    public T? Read<T>(JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return _parsed is T known ? known : EventSerializers.Read(this, type);
    }

    /// <summary>Id, profile and size; never the body, which may be anything.</summary>
    public override string ToString() => $"event {Id ?? "(no id yet)"}{(Profile is null ? "" : $" for profile '{Profile}'")}, {Body.Length} bytes";
}
