using EvBus.Testing;

namespace EvBus.Ingress.File.Tests;

public sealed class FileContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken) => new(Harness(
        "body",
        line => new ReceivedEvent(line),
        new PublisherLimits { Attributes = "the line is the body", BinaryBodies = "a line cannot have line breaks" }));

    internal static PublisherHarness Harness(string format, Func<byte[], ReceivedEvent> read, PublisherLimits limits)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-contract-").FullName;
        var path = Path.Combine(folder, "out.ndjson");
        return new PublisherHarness
        {
            Name = "file",
            Create = FileIngress.Descriptor.Create,
            Profile = Profile(path),
            MissingProfile = Profile(Path.Combine(folder, "missing", "out.ndjson")),
            Read = _ => new(Lines(path).Select(read).ToList()),
            Limits = limits with
            {
                Cut = "a file has no connection",
                Refusal = "a file has no credentials",
                Unwanted = limits.BinaryBodies is null ? "it takes every event" : null,
                Hold = "a disk cannot be told to wait",
                OpenConnections = "a file has no connection",
                Secrets = "its profile has none",
            },
            Unwanted = limits.BinaryBodies is null ? null : new BusEvent("two\nlines", new EventAttributes { Id = "unwanted" }),
            OnDispose = () =>
            {
                Directory.Delete(folder, recursive: true);
                return default;
            },
        };

        Profile Profile(string where) => new("file", "contract", new Dictionary<string, object?> { ["path"] = where, ["format"] = format });
    }

    private static IEnumerable<byte[]> Lines(string path)
    {
        if (!System.IO.File.Exists(path))
            yield break;
        var bytes = System.IO.File.ReadAllBytes(path);
        for (var from = 0; from < bytes.Length;)
        {
            var end = Array.IndexOf(bytes, (byte)'\n', from);
            yield return bytes[from..end];
            from = end + 1;
        }
    }
}

public sealed class FileCloudEventsContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken) =>
        new(FileContract.Harness("cloudevents", line => ReceivedEvent.FromCloudEvent(line), new PublisherLimits()));
}
