using System.Net.Sockets;

namespace EvBus.Lanes;

/// <summary>What a publisher's exception means.</summary>
internal static class Verdicts
{
    public static PublishResult Of(Exception thrown) =>
        thrown is RejectEventException ? PublishResult.Rejected(thrown.Message) : PublishResult.Retry($"{thrown.GetType().Name}: {thrown.Message}");

    /// <summary>
    /// Whether an exception speaks of the connection rather than of the event: then it uses up no attempt, as an outage
    /// must dead-letter nothing however a plugin reports it.
    /// </summary>
    public static bool IsOutage(Exception thrown) => thrown switch
    {
        EvBusException ours => ours.IsTransient,
        OperationCanceledException or TimeoutException or IOException or SocketException or HttpRequestException => true,
        _ => thrown.InnerException is { } inner && IsOutage(inner),
    };
}
