using System.Text.Json;
using EvBus.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Logging;

/// <summary>A host whose log goes on its bus, and what two lanes make of it: one for log records, one for orders.</summary>
internal sealed class Bed : IDisposable
{
    public const string App = "App.Shop";

    private readonly IHost _host;

    public Bed(EvBusLoggerOptions? options = null, Action<EvBusBuilder>? configure = null, LogLevel? least = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        // What the host says of itself is none of the tests'.
        builder.Logging.AddEvBus((options ?? new()) with { Categories = options?.Categories is { Count: > 0 } given ? given : ["App", "EvBus"] });
        builder.Logging.AddProvider(Said);
        if (least is { } level)
            builder.Logging.SetMinimumLevel(level);
        builder.Services.AddEvBus(bus =>
        {
            if (configure is null)
                bus.Publisher("log", Records, "logger").Publisher("orders", Orders, "orders");
            else
                configure(bus);
        });
        _host = builder.Build();
    }

    public ScriptedPublisher Records { get; } = new();

    public ScriptedPublisher Orders { get; } = new();

    /// <summary>What a log beside the bus has.</summary>
    public Said Said { get; } = new();

    public EventBus Bus => _host.Services.GetRequiredService<EventBus>();

    public EvBusLoggerProvider Provider => _host.Services.GetServices<ILoggerProvider>().OfType<EvBusLoggerProvider>().Single();

    public ILogger Logger(string category = App) => _host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category);

    public Task StartAsync() => _host.StartAsync().Soon();

    public Task StopAsync() => _host.StopAsync().Soon();

    public void Dispose() => _host.Dispose();

    public static JsonElement Json(BusEvent record) => JsonDocument.Parse(record.Body).RootElement;

    public static string[] Messages(IEnumerable<BusEvent> records) => [.. records.Select(record => Json(record).GetProperty("message").GetString()!)];
}

/// <summary>A log that is kept: id and text.</summary>
internal sealed class Said : ILoggerProvider, ILogger
{
    private readonly Lock _lock = new();
    private readonly List<(int Id, string Text)> _lines = [];

    public IReadOnlyList<(int Id, string Text)> Lines
    {
        get
        {
            lock (_lock)
                return [.. _lines];
        }
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lock)
            _lines.Add((eventId.Id, formatter(state, exception)));
    }

    public void Dispose() { }
}
