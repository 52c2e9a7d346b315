using EvBus.Ingress.Http.Tests;
using EvBus.Testing;

namespace EvBus.Ingress.Otlp.Tests;

/// <summary>The contract, against a collector behind a line that can be cut.</summary>
public abstract class OtlpContract(bool refusesAlone, bool speaksJson = false, string compression = "none") : PublisherContract
{
    protected override async ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var collector = await Collector.StartAsync(refusesAlone, speaksJson);
        var line = new FaultProxy("127.0.0.1", collector.Server.Port);
        return new PublisherHarness
        {
            Name = "otlp",
            Create = OtlpIngress.Descriptor.Create,
            Profile = Profile(line.Port, WebServer.Token),
            RefusedProfile = Profile(line.Port, WebServer.Token + "-wrong"),
            MissingProfile = Profile(1, WebServer.Token),
            Secrets = [WebServer.Token],
            Read = _ => new(collector.Events),
            Unwanted = new BusEvent("unwanted"),
            Cut = () =>
            {
                line.Cut();
                return default;
            },
            Hold = () =>
            {
                collector.Server.Hold();
                return default;
            },
            Release = () =>
            {
                collector.Server.Release();
                return default;
            },
            OpenConnections = () => collector.Server.Connections,
            OnDispose = async () =>
            {
                await line.DisposeAsync();
                await collector.DisposeAsync();
            },
        };

        Profile Profile(int port, string token) =>
            new("otlp", "contract", new Dictionary<string, object?> { ["url"] = $"http://127.0.0.1:{port}", ["token"] = token, ["compression"] = compression });
    }
}

public sealed class OtlpRefusedRequestContract() : OtlpContract(refusesAlone: false);

public sealed class OtlpPartialSuccessContract() : OtlpContract(refusesAlone: true);

public sealed class OtlpJsonAnswerContract() : OtlpContract(refusesAlone: true, speaksJson: true, compression: "gzip");
