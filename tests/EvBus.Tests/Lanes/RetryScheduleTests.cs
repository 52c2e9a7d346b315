using EvBus.Lanes;
using FsCheck;
using FsCheck.Fluent;

namespace EvBus.Tests.Lanes;

public class RetryScheduleTests
{
    private static readonly Gen<(TimeSpan Initial, TimeSpan Max, int Failures, int Seed)> s_cases =
        from initial in Gen.Choose(1, 100_000)
        from more in Gen.Choose(0, 10_000_000)
        from failures in Gen.Choose(1, 200)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select (TimeSpan.FromMilliseconds(initial), TimeSpan.FromMilliseconds(initial + more), failures, seed);

    [Fact]
    public void A_wait_is_never_negative_never_beyond_its_ceiling_and_the_ceiling_never_beyond_the_cap() => Check.QuickThrowOnFailure(Prop.ForAll(s_cases.ToArbitrary(), each =>
    {
        var schedule = new RetrySchedule(each.Initial, each.Max, new Random(each.Seed));
        for (var failure = 1; failure <= each.Failures; failure++)
        {
            var wait = schedule.Next(null);
            if (wait < TimeSpan.Zero || wait > schedule.Ceiling(failure) || schedule.Ceiling(failure) > each.Max)
                return false;
        }
        return true;
    }));

    [Fact]
    public void The_ceiling_doubles_until_the_cap() => Check.QuickThrowOnFailure(Prop.ForAll(s_cases.ToArbitrary(), each =>
    {
        var schedule = new RetrySchedule(each.Initial, each.Max, new Random(each.Seed));
        var expected = each.Initial.Ticks;
        for (var failure = 1; failure <= 100; failure++)
        {
            if (schedule.Ceiling(failure).Ticks != Math.Min(expected, each.Max.Ticks))
                return false;
            expected = Math.Min(expected * 2, each.Max.Ticks);
        }
        return true;
    }));

    [Fact]
    public void What_the_destination_asks_for_is_the_least_it_waits_also_beyond_the_cap() => Check.QuickThrowOnFailure(Prop.ForAll(s_cases.ToArbitrary(), each =>
        new RetrySchedule(each.Initial, each.Max, new Random(each.Seed)).Next(each.Max * 2) == each.Max * 2));

    [Fact]
    public void A_success_begins_anew()
    {
        var schedule = new RetrySchedule(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), new Random(1));
        for (var i = 0; i < 10; i++)
            schedule.Next(null);
        schedule.Succeed();
        Assert.Equal(0, schedule.Failures);
        Assert.InRange(schedule.Next(null), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }
}
