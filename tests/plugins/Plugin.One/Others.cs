using System.Buffers;
using EvBus;

[assembly: EvBusPlugin(typeof(Plugins.One.GreetingPublisher), Name = "greeter", NeedsProfile = false, Description = "Greets.")]
[assembly: EvBusPlugin(typeof(Plugins.One.ShoutSerializer), Kind = PluginKinds.Serializer)]

namespace Plugins.One;

/// <summary>The door of a publisher, as those of EvBus have.</summary>
public static class Door
{
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "whatever", Description = "The door's own words.", IsExclusive = true, Create = context => new GreetingPublisher(context),
    };
}

/// <summary>A publisher that never comes to be.</summary>
public sealed class ThrowingPublisher : IPublisher
{
    public ThrowingPublisher() => throw new InvalidOperationException("no such device");

    public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken) => new(PublishResult.Delivered);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>A door that cannot be opened.</summary>
public static class ThrowingDoor
{
    public static IngressDescriptor Descriptor => throw new InvalidOperationException("no such device");
}

/// <summary>A gatherer for the profiles of <c>one</c>.</summary>
public sealed class OneGatherer : IProfileGatherer
{
    public string Provider => "one";

    public ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken) =>
        new([.. profiles.Select(profile => (object)$"gathered {profile.Name}")]);
}

/// <summary>An outputter that cannot print everything.</summary>
public sealed class LoudOutputter : IOutputter
{
    public string Format(BusEvent evt) => evt.GetText() == "silence" ? throw new FormatException("nothing to shout") : evt.GetText().ToUpperInvariant();
}

/// <summary>A gatherer that the services of its host give something.</summary>
public sealed class ServedGatherer(IFormatProvider format) : IProfileGatherer
{
    public string Provider => "one";

    public ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken) =>
        new([.. profiles.Select(profile => (object)$"{profile.Name} served by {format}")]);
}

/// <summary>A serializer that knows one text.</summary>
public sealed class ShoutSerializer : EventSerializer
{
    public override string Name => "shout";

    public override string ContentType => "text/plain";

    public override void Serialize<T>(T value, IBufferWriter<byte> target) => target.Write(System.Text.Encoding.UTF8.GetBytes($"{value}!"));
}
