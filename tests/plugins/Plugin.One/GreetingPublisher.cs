using EvBus;

namespace Plugins.One;

/// <summary>Tells which version of its library it runs with, in the only words a lane repeats.</summary>
public sealed class GreetingPublisher(IngressContext context) : IPublisher
{
    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) =>
        new(PublishResult.Rejected($"{context.LaneId}: {Greeting.Text.Hello}"));

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
