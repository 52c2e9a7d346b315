using EvBus.Lanes;
using EvBus.Telemetry;
using Microsoft.Extensions.Logging;

namespace EvBus.Hosting;

/// <summary>
/// Works out which lanes there are: one for each publisher that needs no profile, one for each profile and destination of the others.
/// </summary>
internal sealed class IngressPlan(EvBusBuilder builder, InternalQueues queues, ILogger logger, IServiceProvider? services)
{
    private readonly List<string> _errors = [];

    public async Task<IReadOnlyList<LaneDefinition>> MakeAsync(CancellationToken cancellationToken)
    {
        var profiles = new List<Profile>();
        foreach (var source in builder.ProfileSources)
            profiles.AddRange(await source.LoadAsync(cancellationToken).ConfigureAwait(false));
        var allowed = builder.Options.AllowedProfiles;
        if (allowed.Count > 0)
            profiles.RemoveAll(profile => !allowed.Contains(profile.Name));
        WarnOfUnknown(profiles);

        var lanes = new List<LaneDefinition>();
        foreach (var added in builder.Added)
        {
            var descriptor = added.Descriptor;
            if (!descriptor.NeedsProfile)
                lanes.Add(Lane(added, descriptor.Name, added.Pattern, profile: null, destination: null));
            var mine = profiles.FindAll(profile => descriptor.GoesBy(profile.Provider));
            if (mine.Count == 0 && descriptor.NeedsProfile && !added.IsBuiltIn)
                Log.NoProfile(logger, descriptor.Name);
            if (descriptor.NeedsProfile)
                AddLanesOf(added, mine, lanes);
        }
        foreach (var twice in lanes.GroupBy(lane => lane.Id).Where(group => group.Count() > 1))
            _errors.Add($"There are {twice.Count()} lanes called '{twice.Key}'. Give each its own name: the publisher's in code, or 'lane:' in the profile.");
        if (_errors.Count > 0)
            throw new EvBusConfigurationException(_errors);
        return lanes;
    }

    private void AddLanesOf(AddedIngress added, List<Profile> profiles, List<LaneDefinition> lanes)
    {
        foreach (var profile in profiles)
        {
            try
            {
                CheckPattern(profile);
                if (added.Descriptor.Validate is { } validate)
                    _errors.AddRange(validate(profile));
                var name = profile.GetString("lane") ?? (profile.Occurrence == 1 ? profile.Name : $"{profile.Name}~{profile.Occurrence}");
                var id = $"{added.Descriptor.Name}/{name}";
                var destinations = added.Descriptor.Destinations?.Invoke(profile) ?? [];
                if (destinations.Count < 2)
                    lanes.Add(Lane(added, id, profile.Name, profile, destinations.Count == 1 ? destinations[0] : null));
                else
                    lanes.AddRange(destinations.Select(destination => Lane(added, $"{id}#{destination}", profile.Name, profile, destination)));
            }
            catch (EvBusConfigurationException e)
            {
                _errors.AddRange(e.Errors);
            }
        }
    }

    private LaneDefinition Lane(AddedIngress added, string id, string? pattern, Profile? profile, string? destination)
    {
        var gatherer = profile is null ? null : builder.Gatherers.Find(each => added.Descriptor.GoesBy(each.Provider));
        return new LaneDefinition
        {
            Id = id,
            Pattern = pattern,
            Options = added.Lane ?? builder.Options.Lane,
            CreatePublisher = async cancellationToken =>
            {
                object? gathered = null;
                if (gatherer is not null)
                    gathered = await GatherAsync(gatherer, profile!, cancellationToken).ConfigureAwait(false);
                var context = new IngressContext(id, profile, destination, gathered, logger, builder.Options.Time, services) { Queues = queues, CallTimeout = (added.Lane ?? builder.Options.Lane).CallTimeout };
                var publisher = added.Descriptor.Create(context);
                return gatherer is null ? publisher : new GatheredPublisher(publisher, gathered, () => Regather(added, id, gatherer, profile!, destination));
            },
        };
    }

    private async ValueTask<(IPublisher, object?)> Regather(AddedIngress added, string id, IProfileGatherer gatherer, Profile profile, string? destination)
    {
        var gathered = await GatherAsync(gatherer, profile, CancellationToken.None).ConfigureAwait(false);
        return (added.Descriptor.Create(new IngressContext(id, profile, destination, gathered, logger, builder.Options.Time, services) { Queues = queues, CallTimeout = (added.Lane ?? builder.Options.Lane).CallTimeout }), gathered);
    }

    private static async ValueTask<object> GatherAsync(IProfileGatherer gatherer, Profile profile, CancellationToken cancellationToken)
    {
        var made = await gatherer.GatherAsync([profile], cancellationToken).ConfigureAwait(false);
        return made.Count == 1
            ? made[0]
            : throw new EvBusException($"The gatherer of '{gatherer.Provider}' returned {made.Count} contexts for one profile. Return one for each profile it is given.");
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
        var known = string.Join(", ", builder.Catalog.All.Select(descriptor => descriptor.Name));
        foreach (var provider in profiles.Select(profile => profile.Provider).Distinct())
        {
            if (!builder.Added.Any(added => added.Descriptor.GoesBy(provider)))
                Log.UnknownProvider(logger, provider, known);
        }
    }
}

/// <summary>A kind of publisher as it was added to the builder.</summary>
internal sealed record AddedIngress(IngressDescriptor Descriptor, string? Pattern, LaneOptions? Lane, bool IsBuiltIn);
