using System.Diagnostics;
using System.Text.RegularExpressions;

namespace EvBus.Ingress.Kafka;

/// <summary>What librdkafka is set up with. Some of it is secret, so it prints as <c>***</c>, and what librdkafka says goes through <see cref="Redact"/>.</summary>
[DebuggerDisplay("***")]
internal sealed partial class KafkaClientSettings
{
    private static readonly string[] s_secret = ["sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"];

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>The brokers asked first, as they were given. Not secret.</summary>
    public string Servers => Get("bootstrap.servers") ?? "";

    /// <summary>Who logs in; null without SASL.</summary>
    public bool HasLogin => _values.ContainsKey("sasl.mechanism");

    /// <summary>Whether a password travels in clear text to another machine.</summary>
    public bool ShowsLogin => string.Equals(Get("security.protocol"), "SASL_PLAINTEXT", StringComparison.OrdinalIgnoreCase) && Get("sasl.mechanism") == "PLAIN"
        && Servers.Split(',').Any(server => !BootstrapServers.IsLoopback(server));

    public string? Get(string property) => _values.GetValueOrDefault(property);

    public void Set(string property, string value) => _values[property] = value;

    /// <summary>Sets what nobody has set yet.</summary>
    public void Default(string property, string value) => _values.TryAdd(property, value);

    /// <summary>A copy for one client.</summary>
    public Dictionary<string, string> ToDictionary() => new(_values, StringComparer.Ordinal);

    /// <summary>A text without secrets and without what differs from try to try, so that the same cause has the same words.</summary>
    public string Redact(string text)
    {
        foreach (var name in s_secret)
        {
            if (Get(name) is { Length: > 0 } secret)
                text = text.Replace(secret, "***", StringComparison.Ordinal);
        }
        return Passing().Replace(text, "").Trim();
    }

    public override string ToString() => "***";

    [GeneratedRegex(@" ?\((?:after \d+ms in state \w+|\d+ identical error\(s\) suppressed|[, ])+\)", RegexOptions.CultureInvariant)]
    private static partial Regex Passing();
}
