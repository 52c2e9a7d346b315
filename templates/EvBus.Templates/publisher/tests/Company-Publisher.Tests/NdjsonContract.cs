using System.Text;
using PublisherNamespace;
using EvBus;
using EvBus.Testing;

namespace PublisherNamespace.Tests;

/// <summary>The contract of a publisher, some thirty facts, on a real file. With another destination this method changes, and nothing else.</summary>
public sealed class NdjsonContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("publisher_name-");
        var path = Path.Combine(folder.FullName, "events.ndjson");
        File.WriteAllText(path, "");
        return new(new PublisherHarness
        {
            Name = NdjsonIngress.Descriptor.Name,
            Create = NdjsonIngress.Descriptor.Create,
            Profile = At(path),
            MissingProfile = At(Path.Combine(folder.FullName, "nowhere", "events.ndjson")),
            Read = async token => [.. (await File.ReadAllLinesAsync(path, token)).Select(line => ReceivedEvent.FromCloudEvent(Encoding.UTF8.GetBytes(line)))],
            // What a file cannot show, each with its reason: the test is skipped with it. A destination with a connection and credentials has most of these;
            // FaultProxy of EvBus.Testing stands between it and the publisher, and cuts.
            Limits = new PublisherLimits
            {
                Cut = "a file has no connection",
                OpenConnections = "a file has no connection",
                Hold = "a file answers at once",
                Refusal = "the profile has no credentials",
                Secrets = "the profile has no credentials",
                Unwanted = "a file takes every line",
            },
            OnDispose = () =>
            {
                folder.Delete(recursive: true);
                return default;
            },
        });
    }

    private static Profile At(string path) => new("publisher_name", "test", new Dictionary<string, object?> { ["path"] = path });
}
