using EvBus;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.Extensions.Logging;

/// <summary>Puts a host's log records on a bus.</summary>
public static class EvBusLoggingBuilderExtensions
{
    /// <summary>
    /// Puts log records on the bus that <c>services.AddEvBus(…)</c> adds, before or after this call: see <see cref="EvBusLoggerProvider"/>. What is logged before the host has made the bus is
    /// kept. Several calls put records under several profiles, or on several buses. The provider, with its counts, is among the host's services of type <see cref="ILoggerProvider"/>.
    /// </summary>
    /// <param name="logging">The host's logging.</param>
    /// <param name="options">What goes on the bus. Default: everything, under the profile <c>logger</c>.</param>
    /// <exception cref="EvBusConfigurationException">An option cannot work; all errors at once. When a bus is made: the options name one that there is not.</exception>
    public static ILoggingBuilder AddEvBus(this ILoggingBuilder logging, EvBusLoggerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(logging);
        var given = (options ?? new()).Checked();
        logging.Services.AddSingleton<ILoggerProvider>(_ => new EvBusLoggerProvider(given));
        return logging;
    }
}
