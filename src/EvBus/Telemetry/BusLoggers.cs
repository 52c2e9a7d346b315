using System.Collections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Telemetry;

/// <summary>The loggers of one bus, one for each of its parts: <c>EvBus</c>, <c>EvBus.Lanes</c>, <c>EvBus.Journal</c>, <c>EvBus.Plugins</c>. Each record has the bus's name in its scope, and what could not be logged is counted for all together.</summary>
internal sealed class BusLoggers
{
    public const string Category = "EvBus";

    public BusLoggers(ILoggerFactory? factory, string bus)
    {
        var (failures, scope) = (new LogFailures(), new BusScope(bus));
        Bus = Make(Category);
        Lanes = Make($"{Category}.Lanes");
        Journal = Make($"{Category}.Journal");
        Plugins = Make($"{Category}.Plugins");

        SteadyLogger Make(string category) => new(factory?.CreateLogger(category) ?? NullLogger.Instance, failures, scope);
    }

    public SteadyLogger Bus { get; }

    public SteadyLogger Lanes { get; }

    public SteadyLogger Journal { get; }

    public SteadyLogger Plugins { get; }

    /// <summary>The name of the bus, as loggers show scopes: as a value, and in words.</summary>
    private sealed class BusScope(string bus) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        public int Count => 1;

        public KeyValuePair<string, object?> this[int index] => index == 0 ? new("Bus", bus) : throw new ArgumentOutOfRangeException(nameof(index));

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator()
        {
            yield return this[0];
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => $"bus {PlainText.OneLine(bus)}";
    }
}

/// <summary>How many log records of a bus its log threw at.</summary>
internal sealed class LogFailures
{
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    public void Add() => Interlocked.Increment(ref _count);
}
