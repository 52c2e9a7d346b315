using System.Buffers;

namespace EvBus;

/// <summary>Puts any object on a bus: it is serialized once, on the caller's thread, before acceptance; a serializer's exception accepts nothing.</summary>
public static class EventBusExtensions
{
    /// <summary>Serializes <paramref name="body"/> and puts it. Bytes are taken as they are, and a <see cref="BusEvent"/> is put as it is.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">The object.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <param name="serializer">What turns it into bytes. Default: the bus's <see cref="IEventBus.Serializer"/>.</param>
    /// <param name="receipt">What to wait for. Default: acceptance.</param>
    /// <param name="cancellationToken">As in <see cref="IEventBus.PutAsync"/>.</param>
    /// <exception cref="NotSupportedException">The object cannot be serialized; nothing was accepted.</exception>
    public static ValueTask<PutResult> PutAsync<T>(
        this IEventBus bus, T body, string? profile = null, EventSerializer? serializer = null, Receipt receipt = default, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.PutAsync(ToEvent(bus, body, profile, serializer), receipt, cancellationToken);
    }

    /// <summary>As <see cref="PutAsync"/>, without ever waiting.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="body">The object.</param>
    /// <param name="profile">The profile it is addressed to. Default: none, which means every lane.</param>
    /// <param name="serializer">What turns it into bytes. Default: the bus's <see cref="IEventBus.Serializer"/>.</param>
    public static PutResult TryPut<T>(this IEventBus bus, T body, string? profile = null, EventSerializer? serializer = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.TryPut(ToEvent(bus, body, profile, serializer));
    }

    private static BusEvent ToEvent<T>(IEventBus bus, T body, string? profile, EventSerializer? serializer)
    {
        switch (body)
        {
            case BusEvent evt:
                return profile is null ? evt : new BusEvent(evt.Body, evt.Attributes with { Profile = profile });
            case byte[] bytes:
                return new BusEvent(bytes, new EventAttributes { Profile = profile });
            case ReadOnlyMemory<byte> memory:
                return new BusEvent(memory, new EventAttributes { Profile = profile });
            default:
                serializer ??= bus.Serializer;
                var target = new ArrayBufferWriter<byte>();
                serializer.Serialize(body, target);
                return new BusEvent(target.WrittenMemory, new EventAttributes { Profile = profile, ContentType = serializer.ContentType });
        }
    }
}
