using Microsoft.Extensions.Logging;

namespace EvBus.Acct;

/// <summary>Profiles from an acct file, read again whenever it is asked to, and watched for changes.</summary>
/// <remarks>Safe from any thread. Nothing decrypted stays in it between two loads.</remarks>
public sealed class AcctProfileSource : IProfileSource
{
    private readonly AcctOptions _options;
    private readonly Func<ILogger?> _logger;
    private readonly TimeProvider _time;

    /// <summary>Makes a source.</summary>
    /// <param name="options">Which file and key. Without a file there are no profiles.</param>
    /// <param name="logger">Where warnings go. Default: nowhere.</param>
    /// <param name="time">The clock, used only where a folder cannot be watched. Default: the system's.</param>
    /// <exception cref="EvBusConfigurationException">The options contradict themselves.</exception>
    public AcctProfileSource(AcctOptions options, ILogger? logger = null, TimeProvider? time = null)
        : this(options, () => logger, time)
    {
    }

    // The builder learns its logger late.
    internal AcctProfileSource(AcctOptions options, Func<ILogger?> logger, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Checked();
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public string Description => _options.File is { } file ? $"acct file '{file}'" : "acct (no file given)";

    /// <summary>
    /// Reads the file and makes its profiles, those on the allow-list only. Entries that are no profiles, and names on the allow-list that
    /// no profile has, are said as warnings.
    /// </summary>
    /// <param name="cancellationToken">Cancels reading and the key command.</param>
    /// <exception cref="AcctException">The file cannot be read or does not open; keep what was loaded before.</exception>
    public async ValueTask<IReadOnlyList<Profile>> LoadAsync(CancellationToken cancellationToken)
    {
        if (_options.File is null)
            return [];
        var logger = _logger();
        var document = await AcctFile.LoadAsync(_options, logger, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<Profile> all;
        try
        {
            all = document.GetProfiles(logger is null ? null : entry => AcctLog.NotAProfile(logger, _options.File, entry));
        }
        catch (AcctException exception)
        {
            throw new AcctException(exception.Fault, $"{Description}: {exception.Message}");
        }
        if (_options.Profiles.Count == 0)
            return all;
        if (logger is not null)
        {
            foreach (var name in _options.Profiles.Where(name => all.All(profile => profile.Name != name)))
                AcctLog.NoSuchProfile(logger, _options.File, name);
        }
        return [.. all.Where(profile => _options.Profiles.Contains(profile.Name, StringComparer.Ordinal))];
    }

    /// <summary>Watches the file and the key file, also where they are symbolic links or are replaced by renaming. Null without a file.</summary>
    /// <param name="changed">See <see cref="IProfileSource.Watch"/>.</param>
    public IDisposable? Watch(Action changed)
    {
        ArgumentNullException.ThrowIfNull(changed);
        return _options.File is { } file ? new AcctWatcher([file, .. _options.KeyFile is { } key ? [key] : Array.Empty<string>()], changed, _logger(), _time) : null;
    }
}
