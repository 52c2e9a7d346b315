using EvBus;

namespace Somebody.Elses.Program;

public class OneUsingTests
{
    // That it compiles is the test: of the bus there is the one using above.
    [Fact]
    public async Task AddAcct_is_found_where_the_other_doors_are()
    {
        var error = await Assert.ThrowsAnyAsync<EvBusException>(() => EventBus.StartAsync(bus => bus.AddAcct("/no/such/file")));
        Assert.Contains("/no/such/file", error.Message, StringComparison.Ordinal);
    }
}
