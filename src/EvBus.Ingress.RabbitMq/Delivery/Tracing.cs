using System.Diagnostics;
using RabbitMQ.Client;

namespace EvBus.Ingress.RabbitMq;

/// <summary>
/// Keeps a message in the trace of its event when somebody listens to the client's own activities: the client writes the <c>traceparent</c> of its activity over the header, so that activity must stand
/// under the event's.
/// </summary>
internal static class Tracing
{
    // Listeners choose by the name, so this one knows whether the client's has any, which the client keeps to itself. It starts nothing.
    private static readonly ActivitySource s_client = new(RabbitMQActivitySource.PublisherSourceName);

    private static readonly ActivitySource s_own = new("EvBus.Ingress.RabbitMq");

    /// <summary>Call before a publish, and dispose what it returns when the call has returned. Null, and next to nothing, when nobody listens or the event has no trace.</summary>
    public static Activity? Begin(string? traceParent, string? traceState)
    {
        if (!s_client.HasListeners() || !ActivityContext.TryParse(traceParent, traceState, isRemote: true, out var context))
            return null;
        if (s_own.StartActivity("evbus publish", ActivityKind.Internal, context) is { } own)
            return own;
        var activity = new Activity("evbus publish") { TraceStateString = traceState };
        activity.SetParentId(context.TraceId, context.SpanId, context.TraceFlags);
        return activity.Start();
    }
}
