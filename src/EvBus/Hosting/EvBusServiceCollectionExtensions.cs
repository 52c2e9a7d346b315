using EvBus;
using EvBus.Hosting;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts EvBus into a host.</summary>
public static class EvBusServiceCollectionExtensions
{
    /// <summary>
    /// Adds a bus that starts and stops with the host. Take it as <see cref="IEventBus"/> (or <see cref="EventBus"/>); a named one by
    /// <c>[FromKeyedServices(name)]</c>. What is put before the host starts is kept, and delivered once it has. A health check is registered as <c>evbus</c> (or <c>evbus:name</c>).
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Describes the bus; called once, when the bus is first asked for.</param>
    /// <param name="name">The name, where there are several. The unnamed one is called <c>default</c>.</param>
    /// <exception cref="ArgumentException">There is a bus of that name already.</exception>
    public static IServiceCollection AddEvBus(this IServiceCollection services, Action<EvBusBuilder> configure, string name = "default") =>
        services.AddEvBus((_, bus) => configure(bus), name);

    /// <summary>As the other form, with the host's services at hand (configuration, for example).</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Describes the bus; called once, when the bus is first asked for.</param>
    /// <param name="name">The name, where there are several. The unnamed one is called <c>default</c>.</param>
    /// <exception cref="ArgumentException">There is a bus of that name already.</exception>
    public static IServiceCollection AddEvBus(this IServiceCollection services, Action<IServiceProvider, EvBusBuilder> configure, string name = "default")
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (services.Any(service => service.ServiceType == typeof(EventBus) && Equals(service.ServiceKey, name)))
            throw new ArgumentException($"There is a bus called '{name}' already. Give the second one a name of its own.", nameof(name));

        services.AddKeyedSingleton(name, (provider, _) =>
        {
            var loggers = LoggersOf(provider, name);
            var builder = new EvBusBuilder(name, provider);
            configure(provider, builder);
            var bus = new EventBus(builder, provider.GetService<ILoggerFactory>(), provider);
            loggers.ForEach(logger => logger.UseBus(bus));
            return bus;
        });
        services.AddKeyedSingleton<IEventBus>(name, (provider, _) => provider.GetRequiredKeyedService<EventBus>(name));
        if (name == "default")
        {
            services.AddSingleton(provider => provider.GetRequiredKeyedService<EventBus>(name));
            services.AddSingleton<IEventBus>(provider => provider.GetRequiredKeyedService<EventBus>(name));
        }
        services.AddSingleton<IHostedService>(provider => new EvBusRuntime(provider.GetRequiredKeyedService<EventBus>(name)));
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            name == "default" ? "evbus" : $"evbus:{name}",
            provider => new EvBusHealthCheck(provider.GetRequiredKeyedService<EventBus>(name)), failureStatus: null, tags: ["evbus"]));
        return services;
    }

    /// <summary>Those that put log records on this bus. They do not ask for it: it logs while it is made.</summary>
    private static List<EvBusLoggerProvider> LoggersOf(IServiceProvider provider, string name)
    {
        var all = provider.GetServices<ILoggerProvider>().OfType<EvBusLoggerProvider>().ToList();
        if (provider.GetService<IServiceProviderIsKeyedService>() is { } known && all.Find(logger => !known.IsKeyedService(typeof(EventBus), logger.BusName)) is { } lost)
            throw new EvBusConfigurationException($"Log records are to go on the bus '{lost.BusName}', and there is none of that name. Correct EvBusLoggerOptions.Bus, or add the bus with services.AddEvBus(…, \"{lost.BusName}\").");
        return all.FindAll(logger => logger.BusName == name);
    }
}
