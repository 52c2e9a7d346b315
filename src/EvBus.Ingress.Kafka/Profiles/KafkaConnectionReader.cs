namespace EvBus.Ingress.Kafka;

/// <summary>Reads what connects, under <c>connection:</c> or beside the other keys, by the names of the original into librdkafka's.</summary>
internal sealed class KafkaConnectionReader(List<string> errors, KafkaClientSettings client)
{
    /// <summary>Keys that are librdkafka's property under another name.</summary>
    private static readonly Dictionary<string, string> s_properties = new()
    {
        ["client_id"] = "client.id",
        ["compression_type"] = "compression.type",
        ["linger_ms"] = "linger.ms",
        ["max_batch_size"] = "batch.size",
        ["max_request_size"] = "message.max.bytes",
        ["request_timeout_ms"] = "socket.timeout.ms",
        ["metadata_max_age_ms"] = "topic.metadata.refresh.interval.ms",
        ["retry_backoff_ms"] = "retry.backoff.ms",
        ["connections_max_idle_ms"] = "connections.max.idle.ms",
        ["security_protocol"] = "security.protocol",
        ["sasl_mechanism"] = "sasl.mechanism",
        ["sasl_plain_username"] = "sasl.username",
        ["sasl_username"] = "sasl.username",
        ["username"] = "sasl.username",
        ["login"] = "sasl.username",
        ["sasl_plain_password"] = "sasl.password",
        ["sasl_password"] = "sasl.password",
        ["password"] = "sasl.password",
        ["ssl_cafile"] = "ssl.ca.location",
        ["ssl_cadata"] = "ssl.ca.pem",
        ["ssl_certfile"] = "ssl.certificate.location",
        ["ssl_keyfile"] = "ssl.key.location",
        ["ssl_password"] = "ssl.key.password",
        ["ssl_ciphers"] = "ssl.cipher.suites",
        ["ssl_crlfile"] = "ssl.crl.location",
    };

    private static readonly string[] s_others = ["bootstrap_servers", "acks", "enable_idempotence", "ssl", "ssl_check_hostname"];

    /// <summary>What the publisher must decide itself, and where it is decided instead.</summary>
    private static readonly Dictionary<string, string> s_owned = new()
    {
        ["bootstrap.servers"] = "connection: bootstrap_servers",
        ["message.timeout.ms"] = "message_timeout_ms",
        ["delivery.timeout.ms"] = "message_timeout_ms",
        ["transactional.id"] = "nothing: the publisher writes outside transactions",
        ["delivery.report.only.error"] = "nothing: each report counts",
        ["plugin.library.paths"] = "nothing: a profile loads no code into the program",
        ["ssl.engine.location"] = "nothing: a profile loads no code into the program",
        ["ssl.engine.id"] = "nothing: a profile loads no code into the program",
        ["ssl.providers"] = "nothing: a profile loads no code into the program",
    };

    public void Read(Profile profile, string[] known)
    {
        var connection = Get(() => profile.GetSection("connection"));
        CheckKeys(profile, connection, known);
        foreach (var section in new[] { connection, profile })
        {
            if (section is not null)
                ReadSection(section);
        }
        if (client.Servers.Length == 0 && errors.Count == 0)
            errors.Add($"Profile {(connection ?? profile).PathOf("bootstrap_servers")} is missing. List one broker or more, such as kafka1.example.org:9092.");
        ReadProperties(Get(() => profile.GetSection("properties")));
        DeriveSecurity(connection ?? profile);
    }

    private void CheckKeys(Profile profile, Profile? connection, string[] known)
    {
        var connecting = s_properties.Keys.Concat(s_others).ToArray();
        foreach (var key in profile.GetKeys().Except(known).Except(connecting))
            errors.Add($"Profile {profile.PathOf(key)} is no key of the Kafka publisher. It has: {string.Join(", ", known)}; under connection: {string.Join(", ", connecting)}; and any setting of librdkafka under properties.");
        if (connection is null)
            return;
        foreach (var key in connection.GetKeys().Except(connecting))
            errors.Add($"Profile {connection.PathOf(key)} is no key of a connection to Kafka. There are: {string.Join(", ", connecting)}. Any setting of librdkafka may stand under properties, beside connection.");
        foreach (var key in connection.GetKeys().Intersect(connecting).Where(profile.Contains))
            errors.Add($"Profile {profile.PathOf(key)} stands under connection as well. Remove one of them.");
    }

    private void ReadSection(Profile section)
    {
        var servers = Get(() => section.GetStrings("bootstrap_servers")) ?? [];
        if (servers.Count > 0)
            client.Set("bootstrap.servers", string.Join(',', Servers(section, servers)));
        foreach (var (key, property) in s_properties)
        {
            if (Get(() => section.GetString(key)) is not { } text)
                continue;
            if (client.Get(property) is not null)
                errors.Add($"Profile {section.PathOf(key)} says again what another key has said ({property}). Remove one of them.");
            client.Set(property, text);
        }
        if (Get(() => section.GetString("acks")) is { } acks)
        {
            if (acks is "all" or "-1" or "1" or "0")
                client.Set("acks", acks);
            else
                errors.Add($"Profile {section.PathOf("acks")} is '{acks}', but must be one of: all, 1, 0.");
        }
        if (Get(() => section.GetBoolean("enable_idempotence")) is { } idempotent)
            client.Set("enable.idempotence", idempotent ? "true" : "false");
        if (Get(() => section.GetBoolean("ssl_check_hostname")) is { } check)
            client.Set("ssl.endpoint.identification.algorithm", check ? "https" : "none");
        if (Get(() => section.GetBoolean("ssl")) is { } ssl)
            _ssl = ssl;
    }

    private IEnumerable<string> Servers(Profile section, IReadOnlyList<string> texts)
    {
        // One text may list several, as the clients of other languages take them.
        var servers = texts.SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).ToList();
        foreach (var server in servers)
        {
            if (BootstrapServers.Wrong(server) is { } wrong)
                errors.Add($"Profile {section.PathOf("bootstrap_servers")}: '{server}' {wrong}.");
        }
        return servers;
    }

    private bool? _ssl;

    private void ReadProperties(Profile? properties)
    {
        foreach (var name in properties?.GetKeys() ?? [])
        {
            if (s_owned.TryGetValue(name, out var instead))
                errors.Add($"Profile {properties!.PathOf(name)} cannot be set here. Use: {instead}.");
            else if (name.StartsWith("dotnet.", StringComparison.Ordinal))
                errors.Add($"Profile {properties!.PathOf(name)} is the publisher's own affair. Remove it.");
            else if (Get(() => properties!.GetString(name)) is { } value)
                client.Set(name == "sasl.mechanisms" ? "sasl.mechanism" : name == "request.required.acks" ? "acks" : name, value);
        }
    }

    private void DeriveSecurity(Profile section)
    {
        var hasLogin = client.Get("sasl.username") is not null || client.Get("sasl.mechanism") is not null;
        var hasTls = _ssl ?? (client.Get("ssl.ca.location") ?? client.Get("ssl.ca.pem") ?? client.Get("ssl.certificate.location") ?? client.Get("ssl.keystore.location")) is not null;
        client.Default("security.protocol", (hasLogin, hasTls) switch { (true, true) => "SASL_SSL", (true, false) => "SASL_PLAINTEXT", (false, true) => "SSL", _ => "PLAINTEXT" });
        var protocol = client.Get("security.protocol")!.ToUpperInvariant();
        if (protocol is not ("PLAINTEXT" or "SSL" or "SASL_PLAINTEXT" or "SASL_SSL"))
            errors.Add($"Profile {section.PathOf("security_protocol")} must be one of: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL.");
        else if (_ssl is { } ssl && ssl != protocol.EndsWith("SSL", StringComparison.Ordinal))
            errors.Add($"Profile {section.PathOf("ssl")} and security_protocol disagree. Remove ssl, or choose {(ssl ? "SSL or SASL_SSL" : "PLAINTEXT or SASL_PLAINTEXT")}.");
        else if (hasLogin && !protocol.StartsWith("SASL", StringComparison.Ordinal))
            errors.Add($"Profile {section.PathOf("security_protocol")} is {protocol}, so the user name would not be used. Choose SASL_SSL or SASL_PLAINTEXT, or remove the sasl keys.");
        // Older clients check no name unless they are told to.
        if (protocol.EndsWith("SSL", StringComparison.Ordinal))
            client.Default("ssl.endpoint.identification.algorithm", "https");
        if (!protocol.StartsWith("SASL", StringComparison.Ordinal))
            return;
        client.Default("sasl.mechanism", "PLAIN");
        if (client.Get("sasl.mechanism") is not ("PLAIN" or "SCRAM-SHA-256" or "SCRAM-SHA-512") && !(client.Get("sasl.mechanism") == "OAUTHBEARER" && client.Get("sasl.oauthbearer.method") == "oidc"))
            errors.Add($"Profile {section.PathOf("sasl_mechanism")} must be one of: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512; or OAUTHBEARER with sasl.oauthbearer.method: oidc (and its endpoint, client id and secret) under properties.");
        if (client.Get("sasl.mechanism") is "PLAIN" or "SCRAM-SHA-256" or "SCRAM-SHA-512" && (client.Get("sasl.username") is null || client.Get("sasl.password") is null))
            errors.Add($"Profile {section.PathOf("sasl_plain_username")} and sasl_plain_password are both needed by {client.Get("sasl.mechanism")}. Add what is missing to the profile in the acct file.");
    }

    private T? Get<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (EvBusConfigurationException e)
        {
            errors.AddRange(e.Errors);
            return default;
        }
    }
}
