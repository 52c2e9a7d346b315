namespace EvBus.Testing.Tests;

/// <summary>The console publisher, into memory in the place of standard output.</summary>
public sealed class ConsoleContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var output = new MemoryStream();
        var together = new Lock();
        return new(new PublisherHarness
        {
            Name = "console",
            Create = _ => new ConsolePublisher(output, together, isCloudEvents: true),
            Read = _ => new(System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n')[..^1].Select(line => ReceivedEvent.FromCloudEvent(System.Text.Encoding.UTF8.GetBytes(line))).ToList()),
            Limits = new PublisherLimits
            {
                Cut = "a stream has no connection", Refusal = "it has no credentials", Missing = "there is always an output", Unwanted = "it takes every event",
                Hold = "a stream in memory cannot wait", OpenConnections = "a stream has no connection", Secrets = "it has none",
            },
        });
    }
}

public class ConsoleTests
{
    [Fact]
    public async Task An_output_that_nobody_reads_any_more_is_an_outage()
    {
        await using var publisher = new ConsolePublisher(new Broken(), new Lock(), isCloudEvents: false);
        var result = await publisher.PublishAsync(EventBatch.Of(new BusEvent("x")), default);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("Broken pipe", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_has_a_format_and_nothing_else()
    {
        var profile = new Profile("console", "p", new Dictionary<string, object?> { ["format"] = "xml", ["colour"] = "red" });
        Assert.Equal(2, ConsoleIngress.Descriptor.Validate!(profile).Count);
    }

    private sealed class Broken : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("Broken pipe");
    }
}
