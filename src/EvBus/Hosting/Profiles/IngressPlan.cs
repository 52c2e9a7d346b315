using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Hosting;

/// <summary>
/// Works out which lanes there are: one for each publisher that needs no profile, one for each profile and destination of the others.
/// </summary>
internal sealed class IngressPlan(EvBusBuilder builder, InternalQueues queues, BusLoggers loggers, IServiceProvider? services) : IAsyncDisposable
{
    private readonly SteadyLogger _logger = loggers.Bus;
    private readonly HashSet<string> _said = [];
    private readonly List<GatherGroup> _groups = [];
    private List<string> _errors = [];
    private bool _isMade;

    /// <summary>Reads all sources and says which lanes there should be. One call at a time.</summary>
    /// <exception cref="EvBusException">A source cannot be read.</exception>
    /// <exception cref="EvBusConfigurationException">A profile cannot work; all errors at once.</exception>
    public async Task<IReadOnlyList<PlannedLane>> MakeAsync(CancellationToken cancellationToken)
    {
        _errors = [];
        var profiles = new List<Profile>();
        foreach (var source in builder.ProfileSources)
        {
            foreach (var profile in await source.LoadAsync(cancellationToken).ConfigureAwait(false))
            {
                profile.Origin ??= source.Description;
                profiles.Add(profile);
            }
        }
        var allowed = builder.Options.AllowedProfiles;
        if (allowed.Count > 0)
            profiles.RemoveAll(profile => !allowed.Contains(profile.Name));
        WarnOfUnknown(profiles);

        SayOfPlugins();
        var lanes = new List<PlannedLane>();
        foreach (var added in builder.Added.Where(added => !added.Plugin.IsRemoved))
        {
            var descriptor = added.Plugin.Descriptor;
            var mine = profiles.FindAll(profile => descriptor.GoesBy(profile.Provider));
            if (mine.Count == 0 && descriptor.NeedsProfile && !added.IsBuiltIn && _said.Add($"none: {descriptor.Name}"))
                Log.NoProfile(_logger, descriptor.Name);
            // The code of a plugin that nobody names stays where it is.
            if ((mine.Count == 0 && descriptor.NeedsProfile) || !IsUsable(added.Plugin))
                continue;
            if (descriptor.NeedsProfile)
                AddLanesOf(added, mine, lanes);
            else
                lanes.Add(Lane(added, descriptor.Name, added.Pattern, profile: null, destination: null));
        }
        foreach (var twice in lanes.GroupBy(lane => lane.Definition.Id).Where(group => group.Count() > 1))
            _errors.Add($"There are {twice.Count()} lanes called '{twice.Key}'. Give each its own name: the publisher's in code, or 'lane:' in the profile.");
        if (_errors.Count > 0)
            throw new EvBusConfigurationException(_errors);
        _isMade = true;
        return lanes;
    }

    /// <summary>Disposes what was gathered for lanes that never asked.</summary>
    public async ValueTask DisposeAsync()
    {
        Exception? fault = null;
        foreach (var group in _groups)
        {
            try
            {
                await group.DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                // What was gathered is the application's own; the rest is disposed all the same.
                fault ??= e;
            }
        }
        _groups.Clear();
        if (fault is not null)
            throw new EvBusException($"what a gatherer had made failed while it was disposed: {fault.GetType().Name}: {fault.Message}", fault);
    }

    /// <summary>What is known against plugins without loading them; with a strict bus, all that is wrong with them.</summary>
    private void SayOfPlugins()
    {
        foreach (var plugin in builder.AllPlugins())
        {
            if (plugin.Descriptor is PluginManifest { Warning: { } warning } && _said.Add($"unsafe: {plugin.Descriptor.Origin} {plugin.Name}"))
                Log.UnsafePlugin(loggers.Plugins, plugin.Descriptor.Kind, plugin.Name, warning);
            if (plugin.State == PluginState.Failed || (builder.IsStrict && plugin.State != PluginState.Disabled))
                IsUsable(plugin);
        }
    }

    private bool IsUsable(Plugin plugin)
    {
        if (plugin.Probe())
            return true;
        if (plugin.State == PluginState.Failed && builder.IsStrict)
            AddError($"The {plugin.Descriptor.Kind} plugin '{plugin.Name}' ({plugin.Descriptor.Origin}) cannot be used: {plugin.Reason}");
        else if (_said.Add($"plugin: {plugin.Descriptor.Origin} {plugin.Name}"))
            Log.NoPlugin(loggers.Plugins, plugin.Descriptor.Kind, plugin.Name, plugin.State == PluginState.Disabled ? "disabled" : "not usable", plugin.Reason!);
        return false;
    }

    private void AddError(string error)
    {
        if (!_errors.Contains(error))
            _errors.Add(error);
    }

    private void AddLanesOf(AddedIngress added, List<Profile> profiles, List<PlannedLane> lanes)
    {
        // Without its gatherer it would connect with something else than was meant.
        if (GathererFor(added) is { } gatherer && !IsUsable(gatherer))
            return;
        var group = GroupOf(added, profiles);
        foreach (var profile in profiles)
        {
            var secrets = profile.FindSecrets();
            try
            {
                CheckPattern(profile);
                if (added.Descriptor.Validate is { } validate)
                    _errors.AddRange(validate(profile).Select(error => Place(secrets.Mask(error), profile)));
                var name = profile.GetString("lane") ?? (profile.Occurrence == 1 ? profile.Name : $"{profile.Name}~{profile.Occurrence}");
                var id = $"{added.Descriptor.Name}/{name}";
                var destinations = added.Descriptor.Destinations?.Invoke(profile) ?? [];
                if (destinations.Count < 2)
                    lanes.Add(Lane(added, id, profile.Name, profile, destinations.Count == 1 ? destinations[0] : null, group));
                else
                    lanes.AddRange(destinations.Select(destination => Lane(added, $"{id}#{destination}", profile.Name, profile, destination, group)));
            }
            catch (EvBusConfigurationException e)
            {
                _errors.AddRange(e.Errors.Select(error => Place(secrets.Mask(error), profile)));
            }
            catch (Exception e) when (secrets.Mask(e) is var clean && !ReferenceEquals(clean, e))
            {
                _errors.Add($"Profile {profile.Provider}/{profile.Name} cannot be used: {secrets.Mask(e.Message)}");
            }
        }
    }

    /// <summary>The lane's options, with what the profile says of the age of its events: seconds, for those who have nothing but a profile.</summary>
    private static LaneOptions Aged(LaneOptions options, Profile? profile) => profile?.GetInt64("max_age") switch
    {
        null => options,
        >= 1 and <= 315_360_000 and var seconds => options with { MaxAge = TimeSpan.FromSeconds(seconds) },
        _ => throw new EvBusConfigurationException($"Profile {profile.PathOf("max_age")} must be at least 1 and at most 315360000 seconds."),
    };

    private PlannedLane Lane(AddedIngress added, string id, string? pattern, Profile? profile, string? destination, GatherGroup? group = null)
    {
        var gatherer = profile is null ? null : GathererOf(added);
        var secrets = profile?.FindSecrets() ?? ProfileSecrets.None;
        var discreet = DiscreetLogger.Around(loggers.Lanes, secrets);
        var definition = new LaneDefinition
        {
            Id = id,
            Secrets = secrets,
            Pattern = pattern,
            Options = Aged(added.Lane ?? builder.Options.Lane, profile),
            CreatePublisher = async cancellationToken =>
            {
                if (gatherer is null)
                    return Create(null);
                var first = group is null
                    ? await GatherGroup.GatherAsync(gatherer, profile!, cancellationToken).ConfigureAwait(false)
                    : await group.TakeAsync(profile!, cancellationToken).ConfigureAwait(false);
                return await GatheredPublisher.CreateAsync(first, Create, again => GatherGroup.GatherAsync(gatherer, profile!, again)).ConfigureAwait(false);
            },
        };
        return new PlannedLane(definition, profile, added.Descriptor.IsExclusive);

        IPublisher Create(object? gathered)
        {
            var context = new IngressContext(id, profile, destination, gathered, discreet, builder.Options.Time, services)
            {
                Queues = queues,
                CallTimeout = (added.Lane ?? builder.Options.Lane).CallTimeout,
            };
            return DecoratedPublisher.Around(added.Descriptor.Create(context), context, builder.DecoratorsOf(id));
        }
    }

    private IProfileGatherer? GathererOf(AddedIngress added) => GathererFor(added)?.Value;

    private Plugin<IProfileGatherer>? GathererFor(AddedIngress added) =>
        builder.Gatherers.All.Where(each => added.Descriptor.GoesBy(each.Name)).OrderBy(each => each.State == PluginState.Disabled).FirstOrDefault();

    /// <summary>At the start all profiles of a provider are gathered together; what comes later by itself.</summary>
    private GatherGroup? GroupOf(AddedIngress added, List<Profile> profiles)
    {
        if (_isMade || profiles.Count == 0 || GathererOf(added) is not { } gatherer)
            return null;
        var group = new GatherGroup(gatherer, profiles);
        _groups.Add(group);
        return group;
    }

    private void CheckPattern(Profile profile)
    {
        if (builder.Options.Matching != ProfileMatching.Regex)
            return;
        try
        {
            ProfileMatch.FromRegex(profile.Name);
        }
        catch (ArgumentException e)
        {
            throw new EvBusConfigurationException($"Profile {profile.Provider}/{profile.Name}: its name is taken as a regular expression and is none: {e.Message}", e);
        }
    }

    private void WarnOfUnknown(List<Profile> profiles)
    {
        var known = builder.Catalog.Usable.Select(plugin => plugin.Name).ToList();
        foreach (var provider in profiles.DistinctBy(profile => profile.Provider))
        {
            if (builder.Added.Any(added => added.Plugin.Descriptor.GoesBy(provider.Provider)))
                continue;
            var names = builder.Catalog.Usable.SelectMany(plugin => (IEnumerable<string>)[plugin.Name, .. plugin.Descriptor.Aliases]);
            var hint = NearestName.Of(provider.Provider, names) is { } nearest ? $" Did you mean '{nearest}'?" : "";
            // An acct file may serve other programs too, so this is an error only for those who want to know.
            if (builder.IsStrict)
                AddError($"Profiles under '{provider.Provider}:' ({provider.Origin}) cannot be used: no publisher goes by that name here.{hint} Known: {string.Join(", ", known)}.");
            else if (_said.Add($"unknown: {provider.Provider}"))
                Log.UnknownProvider(_logger, provider.Provider, hint, provider.Origin ?? "a source of profiles", string.Join(", ", known));
        }
    }

    /// <summary>With several sources, an error says which one it is about.</summary>
    private string Place(string error, Profile profile) => builder.ProfileSources.Count > 1 && !error.Contains(profile.Origin!, StringComparison.Ordinal) ? $"{error} (from {profile.Origin})" : error;
}

/// <summary>A lane that a plan wants, and the profile it comes from.</summary>
internal sealed record PlannedLane(LaneDefinition Definition, Profile? Profile, bool IsExclusive);

/// <summary>A kind of publisher as it was added to the builder.</summary>
internal sealed record AddedIngress(Plugin<IngressDescriptor> Plugin, string? Pattern, LaneOptions? Lane, bool IsBuiltIn)
{
    /// <summary>The kind, whose code is loaded for it.</summary>
    public IngressDescriptor Descriptor => Plugin.Value;
}
