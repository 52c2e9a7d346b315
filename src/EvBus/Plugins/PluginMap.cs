namespace EvBus;

/// <summary>What becomes of an error while a function is called with several plugins.</summary>
public enum MapErrors
{
    /// <summary>It stands in that plugin's result; the others go on.</summary>
    Continue,

    /// <summary>It is thrown at once; the plugins behind are not called.</summary>
    Throw,

    /// <summary>All are called; then all errors are thrown together as an <see cref="AggregateException"/>.</summary>
    Collect,
}

/// <summary>What came of one plugin: a value or an error.</summary>
/// <param name="Plugin">The plugin.</param>
/// <param name="Value">What the function gave; the default when there is an error.</param>
/// <param name="Error">What was thrown, by the function or by making the plugin; null when all went well.</param>
public sealed record PluginResult<T, TResult>(Plugin<T> Plugin, TResult? Value, Exception? Error)
    where T : class;

/// <summary>Calls functions with plugins.</summary>
public static class PluginMap
{
    /// <summary>Calls a function with each plugin that is not disabled, one after the other and in order; each is made when its turn comes.</summary>
    /// <param name="plugins">The plugins.</param>
    /// <param name="function">What to do with each.</param>
    /// <param name="onError">What becomes of errors. Default: they stand in the results, one result for each plugin, and no plugin is left out.</param>
    /// <param name="cancellationToken">Ends the calls; never counts as a plugin's error.</param>
    /// <returns>One result for each plugin called.</returns>
    public static async Task<IReadOnlyList<PluginResult<T, TResult>>> MapAsync<T, TResult>(
        this IEnumerable<Plugin<T>> plugins, Func<T, CancellationToken, ValueTask<TResult>> function, MapErrors onError = MapErrors.Continue, CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(plugins);
        ArgumentNullException.ThrowIfNull(function);
        var results = new List<PluginResult<T, TResult>>();
        foreach (var plugin in plugins)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var made = plugin.TryGet(out var value);
            if (!made && plugin.State == PluginState.Disabled)
                continue;
            try
            {
                results.Add(new(plugin, await function(made ? value! : plugin.Value, cancellationToken).ConfigureAwait(false), null));
            }
            catch (Exception e) when (onError != MapErrors.Throw && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
            {
                results.Add(new(plugin, default, e));
            }
        }
        if (onError == MapErrors.Collect && results.Exists(result => result.Error is not null))
            throw new AggregateException(results.Where(result => result.Error is not null).Select(result => result.Error!));
        return results;
    }
}
