using System.Text;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Reads a profile in the old shape (everything at the top, <c>ingress_channels</c>) or the new one (<c>connection:</c>, <c>exchange</c>, <c>routing_key</c>).</summary>
internal static class RabbitMqOptionsReader
{
    private static readonly string[] s_own =
    [
        "connection", "ingress_channels", "exchange", "routing_key", "declare", "exchange_type", "durable", "queue_type", "bindings", "mandatory", "persistent",
        "headers", "priority", "expiration", "format", "ordering", "confirm_timeout", "timeout", "lane",
    ];

    public static RabbitMqOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        var keys = new ProfileKeys(profile, found);
        var connection = ReadConnection(profile, keys, found);
        var options = new RabbitMqOptions
        {
            Connection = connection ?? new RabbitMqConnectionOptions { Hosts = [] },
            Channels = ReadChannels(keys),
            Exchange = keys.Text("exchange") is { } exchange && exchange != "default" ? exchange : "",
            RoutingKey = keys.Text("routing_key") ?? "",
            Declare = keys.Choice("declare", ("none", RabbitMqDeclare.None), ("passive", RabbitMqDeclare.Passive), ("active", RabbitMqDeclare.Active)),
            ExchangeType = keys.Text("exchange_type") ?? "topic",
            IsDurable = keys.Truth("durable") ?? true,
            QueueType = keys.Text("queue_type") is null ? null : keys.Choice("queue_type", ("classic", "classic"), ("quorum", "quorum")),
            Bindings = ReadBindings(keys),
            IsMandatory = keys.Truth("mandatory") ?? true,
            IsPersistent = keys.Truth("persistent") ?? true,
            Headers = keys.Map("headers"),
            Priority = (byte?)keys.Number("priority", 0, 255),
            Expiration = keys.Span("expiration", TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(365)),
            Format = keys.Choice(
                "format", ("body", RabbitMqFormat.Body), ("cloudevents-binary", RabbitMqFormat.CloudEventsBinary), ("cloudevents-structured", RabbitMqFormat.CloudEventsStructured)),
            IsStrict = keys.Choice("ordering", ("window", false), ("strict", true)),
            ConfirmTimeout = keys.Span("confirm_timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)) ?? TimeSpan.FromSeconds(10),
        };
        Check(options, keys);
        return found.Count == 0 ? options : null;
    }

    private static void Check(RabbitMqOptions options, ProfileKeys keys)
    {
        if (options.Channels.Count == 0 && options.RoutingKey.Length == 0 && options.Exchange.Length == 0)
            keys.Wrong("ingress_channels", "is missing, and so are exchange and routing_key. Name the queues in ingress_channels, or an exchange and a routing_key.");
        if (options.Channels.Count > 0 && options.RoutingKey.Length > 0)
            keys.Wrong("routing_key", "cannot stand beside ingress_channels, whose names are the routing keys. Remove one of them.");
        if (options.Exchange.Length == 0 && options.Bindings.Count > 0)
            keys.Wrong("bindings", "need an exchange: the default exchange binds every queue by its name already. Name an exchange, or remove them.");
        if (Encoding.UTF8.GetByteCount(options.Exchange) > 255)
            keys.Wrong("exchange", "is longer than the 255 bytes that AMQP has for a name.");
        if (Template(keys, "routing_key", options.RoutingKey) is { IsConstant: true } template && Encoding.UTF8.GetByteCount(template.Format(default)) > MessageWriter.MaxShortText)
            keys.Wrong("routing_key", $"is longer than the {MessageWriter.MaxShortText} bytes that AMQP has for one.");
        foreach (var (name, text) in options.Headers)
            Template(keys, $"headers: {name}", text);
        foreach (var reserved in options.Headers.Keys.Where(name => name == MessageWriter.IdHeader || name.StartsWith(MessageWriter.CloudEventsPrefix, StringComparison.Ordinal)))
            keys.Wrong("headers", $"has '{reserved}', which the publisher sets itself. Give yours another name.");
    }

    private static EventTemplate? Template(ProfileKeys keys, string key, string text)
    {
        try
        {
            return EventTemplate.Parse(text);
        }
        catch (FormatException e)
        {
            keys.Wrong(key, $"is no template: {e.Message}");
            return null;
        }
    }

    private static string[] ReadChannels(ProfileKeys keys)
    {
        var channels = keys.Texts("ingress_channels");
        if (keys.Has("ingress_channels") && channels.Count == 0)
            keys.Wrong("ingress_channels", "is empty. Name at least one queue, or remove it and name an exchange and a routing_key.");
        foreach (var channel in channels)
        {
            if (channel.Length == 0 || Encoding.UTF8.GetByteCount(channel) > 255)
                keys.Wrong("ingress_channels", "has a name that is empty or longer than the 255 bytes that AMQP has for one.");
        }
        if (channels.Distinct(StringComparer.Ordinal).Count() < channels.Count)
            keys.Wrong("ingress_channels", "names a queue twice, which would deliver every event twice. Remove one.");
        return [.. channels];
    }

    private static List<RabbitMqBinding> ReadBindings(ProfileKeys keys)
    {
        var bindings = new List<RabbitMqBinding>();
        if (keys.Section("bindings") is not { } section)
            return bindings;
        foreach (var queue in section.GetKeys())
        {
            var routingKeys = keys.Get(() => section.GetStrings(queue)) ?? [];
            bindings.AddRange(routingKeys.DefaultIfEmpty("").Select(key => new RabbitMqBinding(queue, key)));
        }
        return bindings;
    }

    private static RabbitMqConnectionOptions? ReadConnection(Profile profile, ProfileKeys keys, List<string> errors)
    {
        if (keys.Section("connection") is not { } section)
        {
            keys.Only([.. s_own, .. ConnectionReader.Keys]);
            return ConnectionReader.Read(profile, errors, null);
        }
        foreach (var key in profile.GetKeys().Intersect(ConnectionReader.Keys, StringComparer.Ordinal).Except(["timeout"], StringComparer.Ordinal))
            keys.Wrong(key, "stands beside 'connection:'. Move it there.");
        keys.Only([.. s_own, .. ConnectionReader.Keys]);
        new ProfileKeys(section, errors).Only(ConnectionReader.Keys);
        return ConnectionReader.Read(section, errors, keys.Span("timeout", TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)));
    }
}
