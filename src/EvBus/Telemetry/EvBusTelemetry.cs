using System.Diagnostics;
using System.Reflection;

namespace EvBus;

/// <summary>The names by which OpenTelemetry and others subscribe to what a bus measures and traces: <c>AddMeter(EvBusTelemetry.MeterName)</c>, <c>AddSource(EvBusTelemetry.ActivitySourceName)</c>.</summary>
public static class EvBusTelemetry
{
    /// <summary>The meter of the ledger's numbers.</summary>
    public const string MeterName = "EvBus";

    /// <summary>The source of the spans in which publishers are called.</summary>
    public const string ActivitySourceName = "EvBus";

    private const int MostLinks = 128;

    private static readonly ActivitySource s_source = new(ActivitySourceName, Version);

    internal static string Version => typeof(EvBusTelemetry).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>
    /// Begins a span (kind producer) that continues the trace of an event, for a publisher that makes one message of each event: put what the span's <see cref="Activity.Id"/> says into the message, and
    /// dispose it when the message is written. It is <see cref="Activity.Current"/> until then, so that a client's own spans are in the event's trace too. Callable from any thread.
    /// </summary>
    /// <param name="evt">The event.</param>
    /// <param name="lane">The lane's id, <see cref="IngressContext.LaneId"/>.</param>
    /// <returns>Null when nobody listens to the source; that costs nothing. The event's own <see cref="EventView"/> attributes are the trace then.</returns>
    public static Activity? StartPublish(in EventView evt, string lane)
    {
        if (!s_source.HasListeners())
            return null;
        ActivityContext.TryParse(evt.TraceParent, evt.TraceState, isRemote: true, out var parent);
        return Tag(s_source.StartActivity("evbus publish", ActivityKind.Producer, parent), lane, evt.Id, 1);
    }

    /// <summary>The span of a batch: of one event in that event's trace, of several with a link to each.</summary>
    internal static Activity? StartPublish(EventBatch batch, string lane)
    {
        if (!s_source.HasListeners() || batch.Count == 0)
            return null;
        if (batch.Count == 1)
            return StartPublish(batch[0], lane);
        var links = new List<ActivityLink>();
        for (var i = 0; i < batch.Count && links.Count < MostLinks; i++)
        {
            if (ActivityContext.TryParse(batch[i].TraceParent, batch[i].TraceState, isRemote: true, out var context))
                links.Add(new ActivityLink(context));
        }
        // With one cause for all there is no doubt whose trace it is.
        var parent = links.Count == batch.Count && links.TrueForAll(link => link.Context.TraceId == links[0].Context.TraceId) ? links[0].Context : default;
        return Tag(s_source.StartActivity("evbus publish", ActivityKind.Producer, parent, links: links), lane, null, batch.Count);
    }

    /// <summary>The verdict is in: the span is over when the caller disposes it.</summary>
    internal static void End(Activity? span, in PublishResult result)
    {
        if (span is not null && (result.Each is not null || result.Verdict != Verdict.Delivered))
            span.SetStatus(ActivityStatusCode.Error, result.Each is null ? result.Verdict.ToString() : "Mixed");
    }

    /// <summary>Ends a span with the acknowledgement, which comes later; what runs next is not in it.</summary>
    internal static void EndWith(Activity span, Task<PublishResult> acknowledged)
    {
        Activity.Current = null;
        _ = EndAsync();

        async Task EndAsync()
        {
            await ((Task)acknowledged).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (acknowledged.IsCompletedSuccessfully)
                End(span, acknowledged.Result);
            else
                span.SetStatus(ActivityStatusCode.Error, "Retry");
            span.Dispose();
        }
    }

    private static Activity? Tag(Activity? activity, string lane, string? id, int events)
    {
        activity?.SetTag("evbus.lane", lane);
        activity?.SetTag("messaging.batch.message_count", events);
        if (id is not null)
            activity?.SetTag("messaging.message.id", id);
        return activity;
    }
}
