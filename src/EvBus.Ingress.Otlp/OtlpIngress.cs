using EvBus.Ingress.Otlp;

namespace EvBus;

/// <summary>The door of the OTLP publisher: <c>bus.AddOtlp()</c>.</summary>
public static class OtlpIngress
{
    /// <summary>What the bus knows about it: provider name <c>otlp</c>, one lane for each profile.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "otlp",
        Description = "Sends events as OpenTelemetry log records over OTLP/HTTP, a request for each batch.",
        OptionsType = typeof(OtlpIngressOptions),
        Example = """
            otlp:
              collector:
                url: http://localhost:4318   # /v1/logs is added where there is no path
                token: 'change me'       # Authorization: Bearer; or username and password, or headers
                severity: info           # trace | debug | info | warn | error | fatal
                resource: {service.name: orders}   # attributes of the resource; default: service.name evbus
                compression: none        # none | gzip
                timeout: 10              # seconds for one request
            """,
        Validate = profile => OtlpIngressOptions.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new OtlpPublisher(context, OtlpIngressOptions.Read(context.Profile!)),
    };

    /// <summary>Adds the OTLP publisher; profiles under <c>otlp:</c> get a lane each.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddOtlp(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
