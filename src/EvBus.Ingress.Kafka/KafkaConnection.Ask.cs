using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace EvBus.Ingress.Kafka;

// What a connection asks the brokers before it is of use. While somebody asks, the producer is not closed.
internal sealed partial class KafkaConnection
{
    private readonly TaskCompletionSource<string> _refusal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _asking = Task.CompletedTask;

    /// <summary>Waits until the brokers have told about themselves (and about the topic); how many they are. Fails with words otherwise.</summary>
    public async Task<Metadata> AskAsync(string? topic, TimeSpan patience, CancellationToken cancellationToken)
    {
        var asking = Task.Factory.StartNew(() => Ask(topic, patience), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        _asking = asking;
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.UnsafeRegister(static source => ((TaskCompletionSource)source!).TrySetResult(), cancelled).ConfigureAwait(false);
        await Task.WhenAny(asking, _refusal.Task, cancelled.Task).ConfigureAwait(false);
        if (_refusal.Task.IsCompletedSuccessfully)
            throw new EvBusException(await _refusal.Task.ConfigureAwait(false)) { IsTransient = true };
        cancellationToken.ThrowIfCancellationRequested();
        var metadata = await asking.ConfigureAwait(false);
        _isReady = true;
        return metadata;
    }

    /// <summary>The most bytes the topic takes in one request; null when nobody may or can say.</summary>
    public async Task<int?> AskLimitAsync(string topic, TimeSpan patience)
    {
        using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        var asking = admin.DescribeConfigsAsync(
            [new ConfigResource { Name = topic, Type = ResourceType.Topic }], new DescribeConfigsOptions { RequestTimeout = patience });
        _asking = asking;
        try
        {
            var entries = (await asking.ConfigureAwait(false))[0].Entries;
            return entries.TryGetValue("max.message.bytes", out var entry) && int.TryParse(entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) ? limit : null;
        }
        catch (KafkaException)
        {
            // Not everybody may ask, and not every broker knows: then a request that is too large is found out when it is refused.
            return null;
        }
    }

    private Metadata Ask(string? topic, TimeSpan patience)
    {
        try
        {
            using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
            return topic is null ? admin.GetMetadata(patience) : admin.GetMetadata(topic, patience);
        }
        catch (KafkaException e)
        {
            var why = _lastError ?? _options.Client.Redact(e.Error.Reason);
            throw new EvBusException($"No broker of {_options.Client.Servers} answered: {why}. Check bootstrap_servers and security_protocol, and that the brokers run.", e) { IsTransient = true };
        }
    }
}
