using System.Diagnostics.CodeAnalysis;

namespace EvBus;

/// <summary>The kinds of ingress publisher a bus may use, by name and alias. Not for concurrent changes; safe to read from any thread once built.</summary>
public sealed class IngressCatalog
{
    private readonly List<IngressDescriptor> _all = [];

    /// <summary>All kinds, in the order they were added.</summary>
    public IReadOnlyList<IngressDescriptor> All => _all;

    /// <summary>Adds a kind.</summary>
    /// <exception cref="ArgumentException">Its name or one of its aliases is taken.</exception>
    public void Add(IngressDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        foreach (var name in descriptor.Aliases.Prepend(descriptor.Name))
        {
            if (TryFind(name, out var other))
                throw new ArgumentException($"The ingress publisher '{descriptor.Name}' cannot be called '{name}': '{other.Name}' goes by that name already.", nameof(descriptor));
        }
        _all.Add(descriptor);
    }

    /// <summary>Finds a kind by its name or an alias.</summary>
    public bool TryFind(string provider, [NotNullWhen(true)] out IngressDescriptor? descriptor)
    {
        descriptor = _all.Find(each => each.GoesBy(provider));
        return descriptor is not null;
    }
}
