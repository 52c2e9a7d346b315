using System.Runtime.CompilerServices;
using Xunit;

namespace EvBus.Testing;

// Their names are their documentation.
#pragma warning disable CS1591

/// <summary>
/// The publisher contract as tests: inherit from it, override <see cref="CreateHarnessAsync"/>, and each fact of <see cref="PublisherCertification"/> is a test of your publisher. A fact that
/// cannot be shown is skipped with the reason from <see cref="PublisherLimits"/>.
/// </summary>
public abstract class PublisherContract
{
    /// <summary>Makes the harness of one fact, with an empty destination. Called once for each test; the test disposes what it returns.</summary>
    /// <param name="cancellationToken">Cancelled when the run of tests is.</param>
    protected abstract ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken);

    [Fact]
    public Task Delivered_means_readable_at_the_destination() => ShowAsync();

    [Fact]
    public Task Events_arrive_in_the_order_of_the_calls() => ShowAsync();

    [Fact]
    public Task Attributes_arrive() => ShowAsync();

    [Fact]
    public Task A_batch_of_one_and_a_batch_of_a_thousand_are_carried() => ShowAsync();

    [Fact]
    public Task Every_event_has_a_verdict() => ShowAsync();

    [Fact]
    public Task An_event_that_the_destination_refuses_is_rejected_alone() => ShowAsync();

    [Fact]
    public Task Several_batches_on_their_way_arrive_in_order() => ShowAsync();

    [Fact]
    public Task What_is_prepared_and_not_sent_stays_here_and_can_be_prepared_again() => ShowAsync();

    [Fact]
    public Task Publishing_before_connecting_is_an_error_and_no_loss() => ShowAsync();

    [Fact]
    public Task An_empty_body_arrives_as_one_or_is_rejected() => ShowAsync();

    [Fact]
    public Task A_binary_body_arrives_byte_for_byte_or_is_rejected() => ShowAsync();

    [Fact]
    public Task A_body_of_1_MB_arrives_or_is_rejected() => ShowAsync();

    [Fact]
    public Task Unicode_attributes_arrive_as_they_are() => ShowAsync();

    [Fact]
    public Task Bodies_are_left_as_they_were() => ShowAsync();

    [Fact]
    public Task Nothing_of_a_batch_is_used_after_its_call() => ShowAsync();

    [Fact]
    public Task Nothing_is_lost_when_the_connection_is_cut() => ShowAsync();

    [Fact]
    public Task A_connection_that_was_cut_while_idle_is_no_loss() => ShowAsync();

    [Fact]
    public Task Refused_credentials_are_said_at_connect() => ShowAsync();

    [Fact]
    public Task A_missing_destination_is_said_and_no_event_is_given_up() => ShowAsync();

    [Fact]
    public Task A_slow_destination_is_left_when_the_call_is_cancelled() => ShowAsync();

    [Fact]
    public Task A_call_that_is_cancelled_already_ends_soon() => ShowAsync();

    [Fact]
    public Task No_secret_is_said() => ShowAsync();

    [Fact]
    public Task Making_one_does_not_connect() => ShowAsync();

    [Fact]
    public Task Connecting_twice_is_harmless() => ShowAsync();

    [Fact]
    public Task Trying_the_connection_sends_nothing() => ShowAsync();

    [Fact]
    public Task Disposing_twice_is_harmless() => ShowAsync();

    [Fact]
    public Task Disposing_without_a_connection_is_harmless() => ShowAsync();

    [Fact]
    public Task The_next_instance_goes_on_where_the_last_one_ended() => ShowAsync();

    [Fact]
    public Task No_connection_is_left_behind() => ShowAsync();

    [Fact]
    public Task No_task_is_left_behind() => ShowAsync();

    [Fact]
    public Task A_bus_delivers_all_and_its_ledger_is_even() => ShowAsync();

    [Fact]
    public Task A_bus_loses_nothing_while_connections_are_cut() => ShowAsync();

    private async Task ShowAsync([CallerMemberName] string name = "")
    {
        var fact = PublisherCertification.Facts.Single(each => each.Name == name);
        var outcome = await PublisherCertification.RunAsync(fact, CreateHarnessAsync, TestContext.Current.CancellationToken).ConfigureAwait(false);
        if (outcome.State == FactState.NotShown)
            Assert.Skip(outcome.Reason!);
        if (outcome.State == FactState.Broken)
            Assert.Fail(outcome.Reason);
    }
}
