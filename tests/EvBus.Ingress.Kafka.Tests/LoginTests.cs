using Confluent.Kafka;
using EvBus.Brokers;
using Microsoft.Extensions.Logging;

namespace EvBus.Ingress.Kafka.Tests;

[Collection("Kafka")]
public class LoginTests(Brokers brokers)
{
    private static Profile WithLogin(string servers, string topic, string mechanism, string password) => Given.Profile(
        servers, topic, ("sasl_mechanism", mechanism), ("sasl_plain_username", Brokers.User), ("sasl_plain_password", password));

    [Fact]
    public async Task The_right_password_is_let_in()
    {
        var broker = await brokers.WithLoginAsync();
        await AssertLetInAsync(broker, "PLAIN");
    }

    [Theory]
    [InlineData("SCRAM-SHA-256")]
    [InlineData("SCRAM-SHA-512")]
    public async Task SCRAM_lets_in_or_says_that_the_client_is_too_old_for_it(string mechanism)
    {
        var broker = await brokers.WithLoginAsync();
        await broker.SetPasswordAsync(Brokers.User, mechanism, Brokers.Password);
        if (Library.Version >= KafkaErrors.FirstGoodScram)
        {
            await AssertLetInAsync(broker, mechanism);
            return;
        }
        await using var bus = await Given.BusAsync(WithLogin(broker.SaslAddress, "t", mechanism, Brokers.Password));
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains("cannot log in to Kafka 4 by SCRAM, only 2.6.1 and later can", StringComparison.Ordinal) == true, "the lane says so");
        await bus.StopAsync(TimeSpan.Zero).Soon();
    }

    [Theory]
    [InlineData("PLAIN")]
    [InlineData("SCRAM-SHA-512")]
    public async Task A_wrong_password_is_said_once_without_the_password_and_tried_again(string mechanism)
    {
        const string Wrong = "n0t-the-password";
        var broker = await brokers.WithLoginAsync();
        var topic = await Given.TopicAsync(broker.Address);
        using var logs = new Logs();
        await using var bus = await Given.BusAsync(WithLogin(broker.SaslAddress, topic, mechanism, Wrong), Given.Quick, logs);
        await bus.PutAsync(Given.Numbered(1));
        // The second try and what comes after it is Debug: the cause was said.
        await Given.UntilAsync(() => logs.Lines.Count(line => line.Text.Contains("refuse the login", StringComparison.Ordinal) && line.Level < LogLevel.Warning) > 2, "it was tried again");
        var trouble = bus.Lane().Trouble;
        await bus.StopAsync(TimeSpan.Zero).Soon();
        Assert.Contains("the brokers refuse the login", trouble, StringComparison.Ordinal);
        Assert.Contains("Correct user name, password or sasl_mechanism", trouble, StringComparison.Ordinal);
        Assert.DoesNotContain(logs.Lines, line => line.Text.Contains(Wrong, StringComparison.Ordinal));
        Assert.Single(logs.Lines, line => line.Level >= LogLevel.Warning && line.Text.Contains("refuse the login", StringComparison.Ordinal));
        Assert.Equal(1, bus.Lane().Queued);
    }

    [Fact]
    public async Task A_password_that_is_changed_under_us_loses_nothing()
    {
        var broker = await brokers.WithLoginAsync();
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(WithLogin(broker.SaslAddress, topic, "PLAIN", Brokers.Password), Given.Quick with { MaxAttempts = 1 });
        var putting = Flow.PutAsync(bus, TimeSpan.FromSeconds(6));
        await Given.UntilAsync(() => bus.Lane().Delivered > 1000, "a thousand delivered");
        await broker.StartAgainAsync(with: "another-one", insteadOf: Brokers.Password);
        await Given.UntilAsync(() => bus.Lane().Trouble?.Contains("refuse the login", StringComparison.Ordinal) == true, () => $"the lane says so, not: {bus.Lane().Trouble}");
        await broker.StartAgainAsync(with: Brokers.Password, insteadOf: "another-one");
        await putting;
        await Flow.AssertAllArrivedAsync(bus, broker.Address, topic);
    }

    private static async Task AssertLetInAsync(KafkaBroker broker, string mechanism)
    {
        var topic = await Given.TopicAsync(broker.Address);
        await using var bus = await Given.BusAsync(WithLogin(broker.SaslAddress, topic, mechanism, Brokers.Password));
        Assert.Equal(PutOutcome.Delivered, (await bus.PutAsync(Given.Numbered(1), Receipt.Delivered()).AsTask().Soon()).Outcome);
        Assert.Equal(1, Assert.Single(await Given.NumbersAsync(broker.Address, topic)));
    }
}
