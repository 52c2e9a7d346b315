using System.Net;
using System.Net.Sockets;

namespace EvBus.Tools.Tests.Tester;

public sealed class ConnectTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-connect-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Acct(string yaml)
    {
        var path = Path.Combine(_folder, "credentials.yml");
        File.WriteAllText(path, yaml);
        return path;
    }

    private static int NobodysPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [Fact]
    public async Task One_line_for_each_profile_and_destination_says_ok_or_what_to_do()
    {
        var port = NobodysPort();
        var ran = await Ran.Of("connect", "--acct-file", Acct($$"""
            file: {archive: {path: {{Path.Combine(_folder, "out.ndjson")}} } }
            pika: {default: {host: 127.0.0.1, port: {{port}}, username: me, password: topsecret, ingress_channels: [a, b]} }
            """));
        Assert.Equal(1, ran.Code);
        Assert.Equal(
            [
                "file/archive: ok",
                $"rabbitmq/default#a: failed: Nobody listens at 127.0.0.1:{port}. Is RabbitMQ running, and are host and port right?",
                $"rabbitmq/default#b: failed: Nobody listens at 127.0.0.1:{port}. Is RabbitMQ running, and are host and port right?",
            ],
            ran.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.DoesNotContain("topsecret", ran.Output + ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_well_is_0()
    {
        var ran = await Ran.Of("connect", "--acct-file", Acct($$"""file: {archive: {path: {{Path.Combine(_folder, "out.ndjson")}} } }"""));
        Assert.Equal((0, "file/archive: ok\n"), (ran.Code, ran.Output));
    }

    [Fact]
    public async Task A_profile_that_cannot_work_nothing_to_connect_and_an_unknown_option_are_2()
    {
        var wrong = await Ran.Of("connect", "--acct-file", Acct("pika: {default: {host: h}}"));
        Assert.Equal(2, wrong.Code);
        Assert.Contains("ingress_channels is missing", wrong.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await Ran.Of("connect")).Code);
        Assert.Equal(2, (await Ran.Of("connect", "--random")).Code);
    }
}
