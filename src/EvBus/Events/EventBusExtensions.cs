using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace EvBus;

/// <summary>Puts objects on a bus: serialized once, on the caller's thread, before acceptance.</summary>
public static class EventBusExtensions
{
    private const int KeptBytes = 64 << 10;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_scratch;

    /// <summary>
    /// Puts an object on the bus. A <see cref="BusEvent"/> goes as it is (with <paramref name="profile"/> instead of its own, if given);
    /// <c>byte[]</c> and <see cref="ReadOnlyMemory{T}"/> of bytes are the body themselves, without a content type, and must not be changed
    /// while the put waits; everything else, a string included, goes through the serializer.
    /// </summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">What to put. Null is serialized like any value.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <param name="serializer">What turns it into bytes. Default: <see cref="IEventBus.Serializer"/>.</param>
    /// <param name="receipt">What to wait for. Default: acceptance.</param>
    /// <param name="cancellationToken">As in <see cref="IEventBus.PutAsync"/>.</param>
    /// <returns>What became of it; a refusal is a value, not an exception.</returns>
    /// <exception cref="NotSupportedException">The object cannot be serialized, or the receipt cannot be given. Nothing was accepted.</exception>
    [RequiresUnreferencedCode(EventSerializers.NeedsReflection)]
    [RequiresDynamicCode(EventSerializers.NeedsReflection)]
    public static ValueTask<PutResult> PutAsync<T>(
        this IEventBus bus, T body, string? profile = null, EventSerializer? serializer = null, Receipt receipt = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.PutAsync(body is BusEvent evt ? Readdress(evt, profile) : Make(body, profile, serializer ?? bus.Serializer), receipt, cancellationToken);
    }

    /// <summary>As <see cref="PutAsync{T}(IEventBus, T, string?, EventSerializer?, Receipt, CancellationToken)"/>, but never waits: where that would, the answer is <see cref="RefusalReason.Full"/>.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">What to put.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <param name="serializer">What turns it into bytes. Default: <see cref="IEventBus.Serializer"/>.</param>
    /// <exception cref="NotSupportedException">The object cannot be serialized; nothing was accepted.</exception>
    [RequiresUnreferencedCode(EventSerializers.NeedsReflection)]
    [RequiresDynamicCode(EventSerializers.NeedsReflection)]
    public static PutResult TryPut<T>(this IEventBus bus, T body, string? profile = null, EventSerializer? serializer = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        if (body is BusEvent evt)
            return bus.TryPut(Readdress(evt, profile));
        if (Raw(body) is { } bytes)
            return bus.TryPut(bytes.Span, new EventAttributes { Profile = profile });
        var chosen = serializer ?? bus.Serializer;
        var scratch = Rent();
        try
        {
            chosen.Serialize(body, scratch);
            return bus.TryPut(scratch.WrittenSpan, new EventAttributes { Profile = profile, ContentType = chosen.ContentType });
        }
        finally
        {
            Return(scratch);
        }
    }

    /// <summary>Puts an object on the bus as the JSON that System.Text.Json makes of it, without reflection: for trimmed and AOT-compiled programs, and for whoever wants that JSON. The content type is <c>application/json</c>.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">What to put.</param>
    /// <param name="type">How to write it, from a <c>JsonSerializerContext</c> of the program.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <param name="receipt">What to wait for. Default: acceptance.</param>
    /// <param name="cancellationToken">As in <see cref="IEventBus.PutAsync"/>.</param>
    /// <returns>What became of it; a refusal is a value, not an exception.</returns>
    /// <exception cref="NotSupportedException">The object cannot be serialized, or the receipt cannot be given. Nothing was accepted.</exception>
    public static ValueTask<PutResult> PutAsync<T>(
        this IEventBus bus, T body, JsonTypeInfo<T> type, string? profile = null, Receipt receipt = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(type);
        var evt = new BusEvent(JsonSerializer.SerializeToUtf8Bytes(body, type), new EventAttributes { Profile = profile, ContentType = "application/json" });
        return bus.PutAsync(evt, receipt, cancellationToken);
    }

    /// <summary>As the form with a receipt, but never waits: where that would, the answer is <see cref="RefusalReason.Full"/>.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">What to put.</param>
    /// <param name="type">How to write it, from a <c>JsonSerializerContext</c> of the program.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <exception cref="NotSupportedException">The object cannot be serialized; nothing was accepted.</exception>
    public static PutResult TryPut<T>(this IEventBus bus, T body, JsonTypeInfo<T> type, string? profile = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(type);
        return bus.TryPut(JsonSerializer.SerializeToUtf8Bytes(body, type), new EventAttributes { Profile = profile, ContentType = "application/json" });
    }

    private static BusEvent Make<T>(T body, string? profile, EventSerializer serializer)
    {
        if (Raw(body) is { } bytes)
            return new BusEvent(bytes, new EventAttributes { Profile = profile });
        var scratch = Rent();
        try
        {
            serializer.Serialize(body, scratch);
            return new BusEvent(scratch.WrittenSpan.ToArray(), new EventAttributes { Profile = profile, ContentType = serializer.ContentType });
        }
        finally
        {
            Return(scratch);
        }
    }

    private static ReadOnlyMemory<byte>? Raw<T>(T body) => body switch
    {
        byte[] bytes => bytes,
        ReadOnlyMemory<byte> bytes => bytes,
        Memory<byte> bytes => bytes,
        _ => default(ReadOnlyMemory<byte>?),
    };

    private static BusEvent Readdress(BusEvent evt, string? profile) =>
        profile is null || profile == evt.Profile ? evt : new BusEvent(evt.Body, evt.Attributes with { Profile = profile });

    // Taken out while it is in use: a serializer may put an event of its own.
    private static ArrayBufferWriter<byte> Rent()
    {
        var scratch = s_scratch ?? new ArrayBufferWriter<byte>(1024);
        s_scratch = null;
        return scratch;
    }

    private static void Return(ArrayBufferWriter<byte> scratch)
    {
        if (scratch.Capacity > KeptBytes)
            return;
        scratch.ResetWrittenCount();
        s_scratch = scratch;
    }
}
