using EvBus.Ingress.File;

namespace EvBus;

/// <summary>The door of the file publisher: <c>bus.AddFile()</c>.</summary>
public static class FileIngress
{
    /// <summary>What the bus knows about it: provider name <c>file</c>, one lane for each profile.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "file",
        Description = "Appends events to an NDJSON file, one line each; a line is never torn.",
        IsExclusive = true,
        OptionsType = typeof(FileIngressOptions),
        Example = """
            file:
              archive:
                path: /var/lib/evbus/events.ndjson
                format: body             # body | cloudevents
                rotate_bytes: 104857600  # a new file before this one grows beyond; default: never
                rotate_interval: 1d      # a new file at least so often: s, m, h, d; default: never
                keep: 14                 # rotated files kept; default: all
                fsync: none              # none | batch
            """,
        Validate = profile => FileIngressOptions.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new FilePublisher(context, FileIngressOptions.Read(context.Profile!), FileSystem.Real),
    };

    /// <summary>Adds the file publisher; profiles under <c>file:</c> get a lane each.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddFile(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
