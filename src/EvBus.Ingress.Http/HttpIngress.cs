using EvBus.Ingress.Http;

namespace EvBus;

/// <summary>The door of the HTTP publisher: <c>bus.AddHttp()</c>.</summary>
public static class HttpIngress
{
    /// <summary>What the bus knows about it: provider name <c>http</c>, or <c>webhook</c>; one lane for each profile.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "http",
        Aliases = ["webhook"],
        Description = "Posts events to an HTTP endpoint: bodies, JSON arrays, NDJSON or CloudEvents, signed, over TLS.",
        OptionsType = typeof(HttpIngressOptions),
        Example = """
            http:
              hook:
                url: https://example.org/events
                format: body             # body | json | ndjson | cloudevents | cloudevents_binary | cloudevents_batch
                token: 'change me'       # Authorization: Bearer; or username and password
                secret: 'change me'      # signs each request (HMAC-SHA256); default: none
                timeout: 10              # seconds for one request
                connections: 1           # requests at a time; more than 1 gives up the order
            """,
        Validate = profile => HttpIngressOptions.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new HttpPublisher(context, HttpIngressOptions.Read(context.Profile!)),
    };

    /// <summary>Adds the HTTP publisher; profiles under <c>http:</c> get a lane each.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddHttp(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
