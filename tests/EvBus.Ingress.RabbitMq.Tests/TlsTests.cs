using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace EvBus.Ingress.RabbitMq.Tests;

/// <summary>Whom the publisher trusts, and whom not. A failure is said with the remedy, and the lane keeps trying.</summary>
[Collection(BrokerTests.Name)]
public sealed class TlsTests : IDisposable
{
    private readonly BrokerFixture _fixture;
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-tls-").FullName;
    private readonly string _authority;

    public TlsTests(BrokerFixture fixture)
    {
        _fixture = fixture;
        _authority = fixture.Certificates.Authority.Save(_folder, "ca");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task With_the_authority_named_it_connects_and_delivers()
    {
        var queue = await OwnQueueAsync();
        var flow = Flow(queue, new() { ["cafile"] = _authority });
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal(Enumerable.Range(0, flow.Count), await _fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task An_amqps_url_does_it_too()
    {
        var queue = await OwnQueueAsync();
        var flow = new Flow(_fixture.NeedOwn(), queue) { Count = 200, Keys = { ["host"] = null, ["port"] = null, ["login"] = null, ["password"] = null } };
        flow.Keys["connection"] = new Dictionary<string, object?> { ["url"] = $"amqps://guest:guest@localhost:{_fixture.Broker!.TlsPort}/%2F?cafile={Uri.EscapeDataString(_authority)}&heartbeat=5" };
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal(Enumerable.Range(0, flow.Count), await _fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task A_client_certificate_logs_in_by_itself()
    {
        var broker = _fixture.NeedOwn();
        var queue = await OwnQueueAsync();
        await broker.ControlAsync("add_user", "CN=evbus-client", "is never asked for");
        await broker.ControlAsync("set_permissions", "CN=evbus-client", ".*", ".*", ".*");
        var flow = Flow(queue, new()
        {
            ["cafile"] = _authority,
            ["certfile"] = _fixture.Certificates.Client.Save(_folder, "client"),
            ["keyfile"] = _fixture.Certificates.Client.SaveKey(_folder, "client"),
        });
        flow.Keys["login"] = flow.Keys["password"] = null;
        flow.Keys["sasl"] = "external";
        await flow.RunAsync(_ => Task.CompletedTask);
        await broker.ControlAsync("delete_user", "CN=evbus-client");
        Assert.Equal(Enumerable.Range(0, flow.Count), await _fixture.TakeNumbersAsync(queue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_certificate_goes_with_the_authorities_in_between_that_its_file_holds(bool isPkcs12)
    {
        var broker = _fixture.NeedOwn();
        var queue = await OwnQueueAsync();
        await broker.ControlAsync("add_user", "CN=evbus-client", "is never asked for");
        await broker.ControlAsync("set_permissions", "CN=evbus-client", ".*", ".*", ".*");
        var own = _fixture.Certificates.ClientOfBetween;
        var file = own.Save(_folder, "chain");
        File.AppendAllText(file, $"\n{_fixture.Certificates.Between.Value.ExportCertificatePem()}\n");
        var tls = new Dictionary<string, object?> { ["cafile"] = _authority, ["certfile"] = file, ["keyfile"] = own.SaveKey(_folder, "chain") };
        if (isPkcs12)
        {
            var both = new X509Certificate2Collection { own.Value, X509CertificateLoader.LoadCertificate(_fixture.Certificates.Between.Value.RawData) };
            await File.WriteAllBytesAsync(file, both.Export(X509ContentType.Pkcs12, "p12")!);
            tls.Remove("keyfile");
            tls["keyfile_password"] = "p12";
        }
        var flow = Flow(queue, tls);
        flow.Keys["login"] = flow.Keys["password"] = null;
        flow.Keys["sasl"] = "external";
        await flow.RunAsync(_ => Task.CompletedTask);
        await broker.ControlAsync("delete_user", "CN=evbus-client");
        Assert.Equal(Enumerable.Range(0, flow.Count), await _fixture.TakeNumbersAsync(queue));
    }

    [Fact]
    public async Task A_client_certificate_that_the_broker_refuses_is_said_to_be_why()
    {
        var own = _fixture.Certificates.ClientOfBetween;
        var flow = Flow(await OwnQueueAsync(), new() { ["cafile"] = _authority, ["certfile"] = own.Save(_folder, "alone"), ["keyfile"] = own.SaveKey(_folder, "alone") });
        await RefusedAsync(flow, "refused the client certificate: its log says why.");
    }

    [Fact]
    public async Task A_certificate_for_clients_cannot_be_the_broker_s()
    {
        var queue = await OwnQueueAsync();
        using var front = new TlsFront(_fixture.Certificates.ForClientsOnly, _fixture.Broker!.Port);
        var flow = new Flow(_fixture.Broker, queue)
        {
            Port = front.Port,
            Keys = { ["host"] = "localhost", ["ssl"] = true, ["ssl_options"] = new Dictionary<string, object?> { ["cafile"] = _authority, ["verify_host"] = false } },
        };
        await RefusedAsync(flow, "its certificate is not for servers");
    }

    [Fact]
    public async Task A_certificate_from_an_unknown_authority_is_refused()
    {
        var flow = Flow(await OwnQueueAsync(), new() { ["cafile"] = _fixture.Certificates.Stranger.Save(_folder, "stranger") });
        await RefusedAsync(flow, "from an unknown authority (CN=EvBus test authority). Name that authority's certificate in ssl_options: cafile.");
    }

    [Fact]
    public async Task A_certificate_that_no_authority_of_the_machine_signed_is_refused()
    {
        var flow = Flow(await OwnQueueAsync(), []);
        await RefusedAsync(flow, "from an unknown authority (CN=EvBus test authority). Name that authority's certificate in ssl_options: cafile.");
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_refused_unless_names_are_not_checked()
    {
        var queue = await OwnQueueAsync();
        await RefusedAsync(Flow(queue, new() { ["cafile"] = _authority, ["server_name"] = "other.example" }), "its certificate is for localhost, 127.0.0.1, not for 'other.example'.", keep: true);
        var flow = Flow(queue, new() { ["cafile"] = _authority, ["server_name"] = "other.example", ["verify_host"] = false });
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal(flow.Count, (await _fixture.TakeNumbersAsync(queue)).Length);
    }

    [Fact]
    public async Task A_certificate_that_expires_under_us_is_refused_at_the_next_connect_and_nothing_is_lost()
    {
        var queue = await OwnQueueAsync();
        using var front = new TlsFront(_fixture.Certificates.Broker, _fixture.Broker!.Port);
        var flow = new Flow(_fixture.Broker, queue) { Port = front.Port, Keys = { ["host"] = "localhost", ["ssl"] = true, ["ssl_options"] = new Dictionary<string, object?> { ["cafile"] = _authority } } };
        await flow.RunAsync(async bus =>
        {
            front.Certificate = _fixture.Certificates.Expired;
            front.Cut();
            await Tests.Flow.Until(() => flow.Now(bus).Trouble?.Contains("has expired or is not valid yet", StringComparison.Ordinal) == true, () => string.Join('\n', flow.Said));
            front.Certificate = _fixture.Certificates.Broker;
        });
        flow.AssertAccounts(await _fixture.TakeNumbersAsync(queue), windows: 2);
    }

    [Fact]
    public async Task A_port_without_TLS_is_recognised()
    {
        var queue = await OwnQueueAsync();
        var flow = new Flow(_fixture.Broker!, queue) { Keys = { ["host"] = "localhost", ["ssl"] = true } };
        await RefusedAsync(flow, "Is this its TLS port");
    }

    [Fact]
    public async Task A_missing_file_is_named()
    {
        var flow = Flow(await OwnQueueAsync(), new() { ["cafile"] = Path.Combine(_folder, "none.pem") });
        await RefusedAsync(flow, "ssl_options: cafile: ");
    }

    private async Task<string> OwnQueueAsync()
    {
        _fixture.NeedOwn();
        return await _fixture.QueueAsync();
    }

    private Flow Flow(string queue, Dictionary<string, object?> tls) => new(_fixture.NeedOwn(), queue)
    {
        Count = 200,
        Port = _fixture.Broker!.TlsPort,
        Keys = { ["host"] = "localhost", ["ssl"] = true, ["ssl_options"] = tls },
    };

    private async Task RefusedAsync(Flow flow, string because, bool keep = false)
    {
        await using (var bus = await flow.StartAsync())
        {
            await bus.PutAsync(new BusEvent("0"));
            await Tests.Flow.Until(() => flow.Now(bus).Trouble is not null);
            Assert.Contains(because, flow.Now(bus).Trouble, StringComparison.Ordinal);
            Assert.Equal(0, flow.Now(bus).Delivered);
            await bus.StopAsync(TimeSpan.Zero);
        }
        if (!keep)
            Assert.Empty(await _fixture.TakeNumbersAsync(flow.Profile.GetStrings("ingress_channels")[0]));
    }

    /// <summary>A TLS door before the broker's plain port, whose certificate can be changed.</summary>
    private sealed class TlsFront : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly int _target;
        private readonly List<TcpClient> _clients = [];

        public TlsFront(Certificate certificate, int target)
        {
            (Certificate, _target) = (certificate, target);
            _listener.Start();
            _ = AcceptAsync();
        }

        public Certificate Certificate { get; set; }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Cut()
        {
            lock (_clients)
            {
                _clients.ForEach(client => client.Dispose());
                _clients.Clear();
            }
        }

        public void Dispose()
        {
            _listener.Dispose();
            Cut();
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using var server = new TcpClient();
            lock (_clients)
                _clients.Add(client);
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target);
                await using var tls = new SslStream(client.GetStream());
                await tls.AuthenticateAsServerAsync(Certificate.Value);
                await Task.WhenAny(tls.CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(tls));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
            {
                // Refused by the client, or cut.
            }
            finally
            {
                client.Dispose();
            }
        }
    }
}
