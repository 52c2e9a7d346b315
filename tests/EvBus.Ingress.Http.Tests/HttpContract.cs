using EvBus.Testing;

namespace EvBus.Ingress.Http.Tests;

/// <summary>The contract in one format; a real server behind a line that can be cut.</summary>
public abstract class HttpContract(string format, PublisherLimits limits, IReadOnlyList<string> attributes, bool probes = false, int connections = 1) : PublisherContract
{
    protected override async ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var server = await WebServer.StartAsync();
        var line = new FaultProxy("127.0.0.1", server.Port);
        return new PublisherHarness
        {
            Name = "http",
            Create = HttpIngress.Descriptor.Create,
            Profile = Profile(line.Port, WebServer.Token),
            RefusedProfile = Profile(line.Port, WebServer.Token + "-wrong"),
            MissingProfile = Profile(1, WebServer.Token),
            Secrets = [WebServer.Token],
            Read = _ => new(server.Events),
            Attributes = attributes,
            Unwanted = new BusEvent("\"unwanted\"", new EventAttributes { Id = "unwanted", ContentType = "application/json" }),
            Cut = () =>
            {
                line.Cut();
                return default;
            },
            Hold = () =>
            {
                server.Hold();
                return default;
            },
            Release = () =>
            {
                server.Release();
                return default;
            },
            OpenConnections = () => server.Connections,
            Limits = limits with { EarlyRefusal = probes ? null : "without a probe only an event shows it" },
            OnDispose = async () =>
            {
                await line.DisposeAsync();
                await server.DisposeAsync();
            },
        };

        Profile Profile(int port, string token)
        {
            var values = new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{port}/events", ["format"] = format, ["token"] = token, ["connections"] = connections };
            if (probes)
                values["probe"] = $"http://127.0.0.1:{port}/health";
            return new Profile("http", "contract", values);
        }
    }
}

public sealed class HttpBodyContract() : HttpContract("body", new PublisherLimits(), ["id"]);

public sealed class HttpParallelContract() : HttpContract("body", new PublisherLimits { Order = "several requests at a time overtake each other" }, ["id"], connections: 8);

public sealed class HttpJsonContract() : HttpContract("json", new PublisherLimits
{
    Attributes = "an element is the body", EmptyBodies = "nothing is no JSON", BinaryBodies = "bytes are no JSON",
}, []);

public sealed class HttpNdjsonContract() : HttpContract("ndjson", new PublisherLimits { Attributes = "the line is the body", BinaryBodies = "a line cannot have line breaks" }, []);

public sealed class HttpCloudEventsContract() : HttpContract("cloudevents", new PublisherLimits(), PublisherHarness.AllAttributes, probes: true);

public sealed class HttpBinaryContract() : HttpContract("cloudevents_binary", new PublisherLimits(), PublisherHarness.AllAttributes);

public sealed class HttpBatchContract() : HttpContract("cloudevents_batch", new PublisherLimits(), PublisherHarness.AllAttributes, probes: true);
