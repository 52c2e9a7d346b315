using EvBus.Ingress.Exec;

namespace EvBus;

/// <summary>The door of the exec publisher: <c>bus.AddExec()</c>.</summary>
public static class ExecIngress
{
    /// <summary>What the bus knows about it: provider name <c>exec</c>, one lane and one program for each profile.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "exec",
        Description = "Feeds events to a program in any language, which answers each; restarted when it dies.",
        IsExclusive = true,
        OptionsType = typeof(ExecIngressOptions),
        Example = """
            exec:
              mine:
                command: [python3, /opt/mine/plugin.py]
                format: cloudevents      # cloudevents | body: what a line is
                answers: each            # each | none: none counts as delivered what the program was handed
                environment:             # added to the bus's own; the place for secrets
                  API_TOKEN: 'change me'
                start_timeout: 10        # seconds until it has said credit
                stop_timeout: 5          # seconds between the end of its input and the kill
            """,
        Validate = profile => ExecIngressOptions.TryRead(profile, out var errors) is null ? errors : [],
        Create = context => new ExecPublisher(context, ExecIngressOptions.Read(context.Profile!)),
    };

    /// <summary>Adds the exec publisher; profiles under <c>exec:</c> get a lane and a program each.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddExec(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }
}
