using EvBus.Files;

namespace EvBus;

/// <summary>The door of the console publisher: <c>bus.AddConsole()</c>.</summary>
public static class ConsoleIngress
{
    private static readonly Lock s_together = new();

    private static readonly Lazy<Stream> s_output = new(StandardOutput.Open);

    /// <summary>What the bus knows about it: provider name <c>console</c>, one lane for each profile, all into one standard output.</summary>
    public static IngressDescriptor Descriptor { get; } = new()
    {
        Name = "console",
        Description = "Writes events to standard output, one line each.",
        Example = """
            console:
              default:
                format: cloudevents      # cloudevents | body
            """,
        Validate = Check,
        Create = context => new ConsolePublisher(s_output.Value, s_together, context.Profile?.GetString("format") != "body"),
    };

    /// <summary>Adds the console publisher; profiles under <c>console:</c> get a lane each. Meant for trying things out: nobody can say whether what reads it has kept it.</summary>
    /// <param name="bus">The builder.</param>
    /// <param name="lane">How its lanes work. Default: the bus's.</param>
    public static EvBusBuilder AddConsole(this EvBusBuilder bus, LaneOptions? lane = null)
    {
        ArgumentNullException.ThrowIfNull(bus);
        return bus.AddIngress(Descriptor, lane: lane);
    }

    private static List<string> Check(Profile profile)
    {
        List<string> errors = [.. profile.GetKeys().Except(["format", "lane"]).Select(key => $"Profile {profile.PathOf(key)} is no key of the console publisher. It has: format, lane.")];
        try
        {
            if (profile.GetString("format") is not (null or "cloudevents" or "body"))
                errors.Add($"Profile {profile.PathOf("format")} must be one of: cloudevents, body.");
        }
        catch (EvBusConfigurationException e)
        {
            errors.AddRange(e.Errors);
        }
        return errors;
    }
}
