namespace EvBus.Ingress.Postgres.Tests;

/// <summary>Whom the publisher trusts, and what it shows of itself.</summary>
[Collection(ServerTests.Name)]
public sealed class TlsTests(ServerFixture fixture) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-tls-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("localhost", null)]
    [InlineData("127.0.0.1", "verify-ca")]
    public async Task A_server_is_trusted_by_the_authority_of_the_profile(string host, string? mode)
    {
        var table = fixture.NewTable();
        await using var publisher = Publisher(table, ("host", host), ("ca_file", Authority()), ("ssl_mode", mode));
        await publisher.ConnectAsync(default);
        Assert.Equal("t", await fixture.Need().QueryAsync($"SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = '{table}'"));
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(3)), default));
        Assert.Equal(["0", "1", "2"], await fixture.BodiesAsync(table));
    }

    [Fact]
    public async Task The_line_is_encrypted_by_default_where_the_server_can_and_plain_where_that_is_asked_for()
    {
        foreach (var (mode, isEncrypted) in new[] { ((string?)null, "t"), ("disable", "f") })
        {
            var table = fixture.NewTable();
            await using var publisher = Publisher(table, ("ssl_mode", mode));
            await publisher.ConnectAsync(default);
            Assert.Equal(isEncrypted, await fixture.Need().QueryAsync($"SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = '{table}'"));
        }
    }

    [Fact]
    public async Task A_server_of_an_unknown_authority_is_refused()
    {
        await RefusedAsync("no TLS could be agreed on", ("host", "localhost"), ("ca_file", fixture.Certificates.Stranger.Save(_folder, "stranger")));
        await RefusedAsync("no TLS could be agreed on", ("host", "localhost"), ("ssl", true));
    }

    [Fact]
    public async Task A_certificate_for_another_name_is_refused_unless_names_are_not_checked()
    {
        // The address stands for the same server, and is not in its certificate.
        await RefusedAsync("no TLS could be agreed on", ("host", "127.0.0.2"), ("ca_file", Authority()));
        await using var publisher = Publisher(fixture.NewTable(), ("host", "127.0.0.2"), ("ca_file", Authority()), ("ssl_mode", "verify-ca"));
        await publisher.ConnectAsync(default);
    }

    [Fact]
    public async Task A_client_certificate_logs_in_by_itself()
    {
        var server = fixture.Need();
        var table = fixture.NewTable();
        await server.QueryAsync($"CREATE ROLE \"{ServerFixture.CertificateLogin}\" LOGIN; GRANT CREATE ON SCHEMA public TO \"{ServerFixture.CertificateLogin}\"");
        (string, object?)[] keys = [("host", "localhost"), ("ca_file", Authority()), ("username", ServerFixture.CertificateLogin), ("password", null)];
        await RefusedAsync("refused the login", keys);
        await using var publisher = Publisher(
            table, [.. keys, ("cert_file", fixture.Certificates.Client.Save(_folder, "client")), ("key_file", fixture.Certificates.Client.SaveKey(_folder, "client"))]);
        await publisher.ConnectAsync(default);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Events(1)), default));
    }

    [Fact]
    public async Task A_file_that_is_missing_or_no_certificate_is_said()
    {
        await RefusedAsync("A file of the profile is not there", ("ca_file", Path.Combine(_folder, "none.pem")));
        await RefusedAsync("A file of the profile is not there", ("ca_file", Authority()), ("cert_file", Path.Combine(_folder, "none.pem")));
        var empty = Path.Combine(_folder, "empty.pem");
        await File.WriteAllTextAsync(empty, "nothing");
        await RefusedAsync("A file of the profile cannot be used", ("ca_file", Authority()), ("cert_file", empty));
    }

    private string Authority()
    {
        fixture.Need();
        return fixture.Certificates.Authority.Save(_folder, "ca");
    }

    private IPublisher Publisher(string table, params (string, object?)[] more) => ServerFixture.Publisher(fixture.Profile(table, [("application_name", table), .. more]));

    private async Task RefusedAsync(string said, params (string, object?)[] more)
    {
        await using var publisher = Publisher(fixture.NewTable(), more);
        var thrown = await Assert.ThrowsAsync<EvBusException>(async () => await publisher.ConnectAsync(default));
        Assert.Contains(said, thrown.Message, StringComparison.Ordinal);
    }
}
