using System.Net.Sockets;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>Whether the addresses that the brokers tell their clients lead anywhere. The bootstrap servers may answer while those do not (a usual trouble of brokers in containers).</summary>
internal static class AdvertisedAddresses
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public static async Task TestAsync(IEnumerable<BrokerMetadata> brokers, CancellationToken cancellationToken)
    {
        foreach (var broker in brokers)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(s_patience);
            try
            {
                await socket.ConnectAsync(broker.Host, broker.Port, patience.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                throw new EvBusException(
                    $"The brokers answer, but broker {broker.BrokerId} tells its clients to connect to {broker.Host}:{broker.Port}, and that leads nowhere: {(e is SocketException ? e.Message : $"no answer within {s_patience.TotalSeconds} s")}. Correct advertised.listeners of the broker, or let that name be resolved here.", e);
            }
        }
    }
}
