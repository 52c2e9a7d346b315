namespace EvBus.Ingress.Kafka.Tests;

[Collection("Kafka")]
public class TlsTests(Brokers brokers)
{
    private Profile WithTls(string servers, string topic, string ca, params (string Key, object? Value)[] more) => Given.Profile(
        servers, topic,
        [
            ("ssl_cafile", ca), ("ssl_certfile", brokers.Certificates.Client), ("ssl_keyfile", brokers.Certificates.ClientKey),
            ("properties", new Dictionary<string, object?> { ["broker.address.family"] = "v4" }), .. more,
        ]);

    private static async Task AssertTroubleAsync(Profile profile, string expected)
    {
        await using var bus = await Given.BusAsync(profile, Given.Quick);
        await bus.PutAsync(Given.Numbered(1));
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains(expected, StringComparison.Ordinal) == true, () => $"the lane says what is wrong, not: {bus.Lane().Trouble}");
        Assert.Equal(1, bus.Lane().Queued);
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    [Fact]
    public async Task A_broker_whose_authority_and_name_are_known_is_trusted_and_trusts_our_certificate()
    {
        var broker = await brokers.WithLoginAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(WithTls(broker.TlsAddress, topic, brokers.Certificates.Ca));
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Numbered(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal(1, Assert.Single(await Given.NumbersAsync(broker.Address, topic)));
    }

    [Fact]
    public async Task An_unknown_authority_is_refused()
    {
        var broker = await brokers.WithLoginAsync();
        await AssertTroubleAsync(WithTls(broker.TlsAddress, "t", brokers.Certificates.OtherCa), "certificate verify failed");
    }

    [Fact]
    public async Task A_wrong_name_is_refused_unless_names_are_not_to_be_checked()
    {
        var broker = await brokers.WithLoginAsync();
        var address = $"127.0.0.1:{broker.TlsPort}";
        await AssertTroubleAsync(WithTls(address, "t", brokers.Certificates.Ca), "certificate verify failed");
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(WithTls(address, topic, brokers.Certificates.Ca, ("ssl_check_hostname", false)));
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Numbered(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
    }

    [Fact]
    public async Task A_missing_client_certificate_is_said()
    {
        var broker = await brokers.WithLoginAsync();
        await AssertTroubleAsync(Given.Profile(broker.TlsAddress, "t", ("ssl_cafile", brokers.Certificates.Ca), ("properties", new Dictionary<string, object?> { ["broker.address.family"] = "v4" })), " alert ");
    }
}
