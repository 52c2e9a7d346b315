namespace EvBus.Ingress.RabbitMq.Tests;

[Collection(BrokerTests.Name)]
public sealed class DeliveryTests(BrokerFixture fixture)
{
    [Theory]
    [InlineData(null)]
    [InlineData("quorum")]
    public async Task Everything_arrives_once_and_in_order_when_all_goes_well(string? queueType)
    {
        var queue = await fixture.QueueAsync(queueType);
        var flow = new Flow(fixture.Need(), queue);
        await flow.RunAsync(_ => Task.CompletedTask);
        Assert.Equal(Enumerable.Range(0, flow.Count), await fixture.TakeNumbersAsync(queue));
        Assert.Equal((flow.Count, 0L), (flow.Status.Delivered, flow.Status.Retried));
    }
}
