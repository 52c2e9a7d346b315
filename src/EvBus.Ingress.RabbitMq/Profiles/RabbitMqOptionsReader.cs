using System.Text;

namespace EvBus.Ingress.RabbitMq;

/// <summary>Reads a profile in the old shape (everything at the top, <c>ingress_channels</c>) or the new one (<c>connection:</c>, <c>exchange</c>, <c>routing_key</c>).</summary>
internal static class RabbitMqOptionsReader
{
    private static readonly string[] s_own =
    [
        "connection", "ingress_channels", "exchange", "routing_key", "declare", "exchange_type", "durable", "queue_type", "bindings", "mandatory", "persistent",
        "headers", "header_types", "exchange_arguments", "queue_arguments", "priority", "expiration", "format", "ordering", "confirm_timeout", "timeout", "lane",
    ];

    private static readonly string[] s_forActive = ["exchange_arguments", "queue_arguments"];

    public static RabbitMqOptions? TryRead(Profile profile, out IReadOnlyList<string> errors)
    {
        var found = new List<string>();
        errors = found;
        var keys = new ProfileKeys(profile, found);
        var connection = ReadConnection(profile, keys, found);
        var headers = keys.Values("headers");
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
            Bindings = ReadBindings(keys, found),
            IsMandatory = keys.Truth("mandatory") ?? true,
            IsPersistent = keys.Truth("persistent") ?? true,
            Headers = headers.Where(each => each.Value is string or null).ToDictionary(each => each.Key, each => (string?)each.Value ?? "", StringComparer.Ordinal),
            HeaderValues = headers.Where(each => each.Value is not (string or null)).ToDictionary(each => each.Key, each => each.Value!, StringComparer.Ordinal),
            HeaderTypes = ReadTypes(keys),
            ExchangeArguments = keys.Values("exchange_arguments"),
            QueueArguments = keys.Values("queue_arguments"),
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
        CheckHeaders(options, keys);
        CheckDeclared(options, keys);
    }

    private static void CheckHeaders(RabbitMqOptions options, ProfileKeys keys)
    {
        var names = options.Headers.Keys.Concat(options.HeaderValues.Keys).ToList();
        foreach (var reserved in names.Where(name => name == MessageWriter.IdHeader || name.StartsWith(MessageWriter.CloudEventsPrefix, StringComparison.Ordinal)))
            keys.Wrong("headers", $"has '{reserved}', which the publisher sets itself. Give yours another name.");
        foreach (var copies in options.HeaderValues.Keys.Where(name => name is "CC" or "BCC"))
            keys.Wrong("headers", $"has a '{copies}' that is no text. The broker takes routing keys there: write one as a text.");
        foreach (var name in options.HeaderTypes.Keys.Where(name => !options.Headers.ContainsKey(name) || name is "CC" or "BCC"))
            keys.Wrong("header_types", $"has '{name}', which is no text among headers. Add it there, or remove it here.");
        foreach (var (name, type) in options.HeaderTypes)
        {
            try
            {
                // A constant that is none would reject every event.
                if (options.Headers.TryGetValue(name, out var text))
                    _ = new HeaderValue(name, text, type);
            }
            catch (RejectEventException)
            {
                keys.Wrong("headers", $"has a '{name}' that is not what header_types says it is. Correct one of them.");
            }
            catch (FormatException)
            {
                // Said above.
            }
        }
    }

    private static void CheckDeclared(RabbitMqOptions options, ProfileKeys keys)
    {
        foreach (var key in s_forActive.Where(keys.Has))
        {
            if (options.Declare != RabbitMqDeclare.Active)
                keys.Wrong(key, "is for what is declared, and declare is not active. Set 'declare: active', or remove it.");
        }
        if (options.Exchange.Length == 0 && options.ExchangeArguments.Count > 0)
            keys.Wrong("exchange_arguments", "need an exchange: the default exchange is the broker's. Name an exchange, or remove them.");
        if (options.QueueType is not null && options.QueueArguments.ContainsKey("x-queue-type"))
            keys.Wrong("queue_arguments", "has x-queue-type, and queue_type means the same. Keep one of them.");
        if (options.ExchangeType == "x-delayed-message" && options.IsMandatory)
            keys.Wrong("mandatory", "must be false with exchange_type x-delayed-message: such an exchange gives every message back at first, and each would be a dead letter though it arrives.");
    }

    private static Dictionary<string, RabbitMqHeaderType> ReadTypes(ProfileKeys keys)
    {
        var types = new Dictionary<string, RabbitMqHeaderType>(StringComparer.Ordinal);
        foreach (var (name, word) in keys.Map("header_types"))
        {
            RabbitMqHeaderType? type = word switch
            {
                "text" => RabbitMqHeaderType.Text,
                "int" => RabbitMqHeaderType.Integer,
                "double" => RabbitMqHeaderType.Double,
                "bool" => RabbitMqHeaderType.Boolean,
                _ => null,
            };
            if (type is null)
                keys.Wrong("header_types", $"must have one of: text, int, double, bool, for '{name}'.");
            types[name] = type ?? RabbitMqHeaderType.Text;
        }
        return types;
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

    private static List<RabbitMqBinding> ReadBindings(ProfileKeys keys, List<string> errors)
    {
        var bindings = new List<RabbitMqBinding>();
        if (keys.Section("bindings") is not { } section)
            return bindings;
        foreach (var queue in section.GetKeys())
        {
            if (IsMap(section, queue))
            {
                ReadBinding(keys, new ProfileKeys(section.GetSection(queue)!, errors), queue, bindings);
                continue;
            }
            var routingKeys = keys.Get(() => section.GetStrings(queue)) ?? [];
            bindings.AddRange(routingKeys.DefaultIfEmpty("").Select(key => new RabbitMqBinding(queue, key)));
        }
        return bindings;
    }

    private static bool IsMap(Profile section, string key)
    {
        try
        {
            return section.GetSection(key) is not null;
        }
        catch (EvBusConfigurationException)
        {
            return false;
        }
    }

    private static void ReadBinding(ProfileKeys keys, ProfileKeys binding, string queue, List<RabbitMqBinding> bindings)
    {
        binding.Only("routing_key", "arguments");
        var arguments = binding.Values("arguments");
        bindings.AddRange(binding.Texts("routing_key").DefaultIfEmpty("").Select(key => new RabbitMqBinding(queue, key) { Arguments = arguments }));
        if (queue.Length == 0)
            keys.Wrong("bindings", "has a queue without a name.");
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
