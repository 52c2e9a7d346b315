using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace EvBus.Ingress.Kafka;

// What a connection asks the brokers before it is of use. While somebody asks, the producer is not closed.
internal sealed partial class KafkaConnection
{
    private static readonly TimeSpan s_leastSlice = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource<string> _refusal = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<string> _away = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Task _asking = Task.CompletedTask;
    private string? _topic;

    /// <summary>Waits until the brokers have told about themselves (and about the topic); how many they are. Fails with words otherwise.</summary>
    public async Task<Metadata> AskAsync(string? topic, TimeSpan patience, CancellationToken cancellationToken)
    {
        _topic = topic;
        var asking = BeginAsking(topic, patience);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = cancellationToken.UnsafeRegister(static source => ((TaskCompletionSource)source!).TrySetResult(), cancelled).ConfigureAwait(false);
        await Task.WhenAny(asking, _refusal.Task, _away.Task, cancelled.Task).ConfigureAwait(false);
        if (_refusal.Task.IsCompletedSuccessfully)
            throw new EvBusException(await _refusal.Task.ConfigureAwait(false)) { IsTransient = true };
        cancellationToken.ThrowIfCancellationRequested();
        // The lane waits and asks again: no need to wait here as well.
        if (_away.Task.IsCompletedSuccessfully)
            throw Unanswered(await _away.Task.ConfigureAwait(false));
        var metadata = await asking.ConfigureAwait(false);
        Volatile.Write(ref _lastSign, Now);
        _isReady = true;
        return metadata;
    }

    /// <summary>The most bytes the topic takes in one request; null when nobody may or can say.</summary>
    public async Task<int?> AskLimitAsync(string topic, TimeSpan patience)
    {
        using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        var asking = admin.DescribeConfigsAsync(
            [new ConfigResource { Name = topic, Type = ResourceType.Topic }], new DescribeConfigsOptions { RequestTimeout = patience });
        WaitFor(asking);
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
        using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        var began = Now;
        // In slices, because nothing ends a question before its time, and whoever closes the producer has to wait for it.
        var slice = patience / 4 > s_leastSlice ? patience / 4 : s_leastSlice;
        while (true)
        {
            try
            {
                return topic is null ? admin.GetMetadata(slice) : admin.GetMetadata(topic, slice);
            }
            catch (KafkaException e) when (_broken is not null || _context.Time.GetElapsedTime(began) >= patience)
            {
                throw Unanswered(_lastError ?? _options.Client.Redact(e.Error.Reason));
            }
            catch (KafkaException)
            {
                // Asked again until the patience is over.
            }
        }
    }

    private EvBusException Unanswered(string why) =>
        new($"No broker of {_options.Client.Servers} answered: {why}. Check bootstrap_servers and security_protocol, and that the brokers run.") { IsTransient = true };
}
