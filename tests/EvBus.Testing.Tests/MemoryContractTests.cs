using System.Reflection;

namespace EvBus.Testing.Tests;

public sealed class MemoryContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken) => new(new MemoryDestination().Harness());
}

public class ContractTests
{
    [Fact]
    public void Each_fact_of_the_certification_is_a_test_of_the_base_class()
    {
        var tests = typeof(PublisherContract).GetMethods().Where(method => method.GetCustomAttribute<FactAttribute>() is not null).Select(method => method.Name);
        Assert.Equal(PublisherCertification.Facts.Select(fact => fact.Name), tests);
    }

    [Fact]
    public void There_is_one_hook_and_it_is_abstract()
    {
        var hooks = typeof(PublisherContract).GetMethods(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly).Where(method => method.IsVirtual);
        Assert.Equal("CreateHarnessAsync", Assert.Single(hooks).Name);
    }
}
