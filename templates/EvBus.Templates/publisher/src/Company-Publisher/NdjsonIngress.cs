using EvBus;

namespace PublisherNamespace;

/// <summary>What the bus knows of the publisher. <c>plugin.json</c> names this type.</summary>
public static class NdjsonIngress
{
    /// <summary>Profiles under <c>publisher_name:</c> get a lane each.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "publisher_name",
        Description = "Appends each event to a file, as one line of CloudEvents JSON.",
        OptionsType = typeof(NdjsonOptions),
        // The file is written by one lane at a time. Take this away for a destination that several may write to.
        IsExclusive = true,
        Validate = profile => NdjsonOptions.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new NdjsonPublisher(NdjsonOptions.Read(context.Profile!)),
    };
}
