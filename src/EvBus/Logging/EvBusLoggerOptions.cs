using Microsoft.Extensions.Logging;

namespace EvBus;

/// <summary>Which log records go on a bus, and how. Immutable; checked when <c>logging.AddEvBus(options)</c> is called. No option holds a secret.</summary>
public sealed record EvBusLoggerOptions
{
    /// <summary>The profile of the events. Not empty; default <c>logger</c>. Lanes whose pattern matches it get the records, and so do lanes that take every event.</summary>
    public string Profile { get; init; } = "logger";

    /// <summary>The name of the bus, where a host has several. Default: <c>default</c>.</summary>
    public string Bus { get; init; } = "default";

    /// <summary>The least level that goes on the bus. Default: <see cref="LogLevel.Trace"/>, so that the filters of the host alone decide (they let Information and above through, unless told otherwise).</summary>
    public LogLevel MinLevel { get; init; } = LogLevel.Trace;

    /// <summary>Only categories that begin with one of these go on the bus; upper and lower case are the same, as in the filters of the host. Default: empty, which means all.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>
    /// Categories that begin with one of these stay off it, whatever <see cref="Categories"/> says. Default: none. Name here who logs something for each record that reaches it
    /// outside of a publisher's call (a reader of an internal queue, a web server in the same process): that would go round for ever.
    /// </summary>
    public IReadOnlyList<string> ExceptCategories { get; init; } = [];

    /// <summary>Whether the scopes around a record are written with it. Default: false.</summary>
    public bool IncludeScopes { get; init; }

    /// <summary>How many records are kept until the bus has been made, which a host does when it starts. 0 to 1,000,000; default 10,000. What is beyond that is dropped and counted.</summary>
    public int MaxEarlyRecords { get; init; } = 10_000;

    /// <summary>The clock that stamps the records. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    internal EvBusLoggerOptions Checked()
    {
        var errors = new List<string>();
        if (string.IsNullOrEmpty(Profile))
            errors.Add("EvBusLoggerOptions.Profile must not be empty: lanes are chosen by it.");
        if (string.IsNullOrEmpty(Bus))
            errors.Add("EvBusLoggerOptions.Bus must not be empty: leave it out for the unnamed bus, which is called 'default'.");
        if (Categories.Concat(ExceptCategories).Any(string.IsNullOrEmpty))
            errors.Add("EvBusLoggerOptions.Categories and ExceptCategories must not hold an empty text: it would match every category.");
        Hosting.BusOptionsCheck.Range(errors, "EvBusLoggerOptions.MaxEarlyRecords", MaxEarlyRecords, 0, 1_000_000);
        return errors.Count == 0 ? this : throw new EvBusConfigurationException(errors);
    }

    internal bool Wants(string category) =>
        !IsOfTheBus(category) && !Begins(category, ExceptCategories) && (Categories.Count == 0 || Begins(category, Categories));

    // EvBusiness.Orders is somebody else.
    private static bool IsOfTheBus(string category) =>
        category.StartsWith("EvBus", StringComparison.Ordinal) && (category.Length == 5 || category[5] == '.');

    private static bool Begins(string category, IReadOnlyList<string> prefixes) => prefixes.Any(prefix => category.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));
}
