using EvBus.Journal;

namespace EvBus.Tests.Journal;

public class GateOutboxTests
{
    [Fact]
    public void A_note_that_throws_costs_none_of_those_behind_it()
    {
        var outbox = new GateOutbox(new Lock());
        var told = new List<int>();
        outbox.Add(() => told.Add(1));
        outbox.Add(() => throw new InvalidOperationException("a defect"));
        outbox.Add(() => told.Add(3));
        Assert.Equal("a defect", Assert.Throws<InvalidOperationException>(outbox.Tell).Message);
        Assert.Equal([1, 3], told);

        outbox.Add(() => told.Add(4));
        outbox.Tell();
        Assert.Equal([1, 3, 4], told);
    }
}
