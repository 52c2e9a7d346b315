using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace EvBus;

/// <summary>How a plugin is.</summary>
public enum PluginState
{
    /// <summary>Listed; none of its code has run.</summary>
    Known,

    /// <summary>Loaded and usable.</summary>
    Loaded,

    /// <summary>Not to be used; the reason says who decided so.</summary>
    Disabled,

    /// <summary>It cannot be used; the reason says why and what to do.</summary>
    Failed,
}

/// <summary>Why a plugin cannot be used.</summary>
public enum PluginFailureKind
{
    /// <summary>The manifest cannot be read, or lacks something.</summary>
    BadManifest,

    /// <summary>It is made for other platforms than this one.</summary>
    WrongPlatform,

    /// <summary>It was built against another contract than this program has.</summary>
    WrongContract,

    /// <summary>The assembly that its manifest names is not in its folder, or is none.</summary>
    MissingAssembly,

    /// <summary>An assembly that it needs is not there.</summary>
    MissingDependency,

    /// <summary>The type that its manifest names is not there, or is no plugin of its kind.</summary>
    WrongType,

    /// <summary>This program has no use for plugins of its kind.</summary>
    UnknownKind,

    /// <summary>Its own code threw while it was made.</summary>
    ConstructorThrew,
}

/// <summary>Why a plugin cannot be used, for programs and for people.</summary>
/// <param name="Kind">What kind of failure it is.</param>
/// <param name="Reason">What is wrong and what to do about it.</param>
public sealed record PluginFailure(PluginFailureKind Kind, string Reason);

/// <summary>A plugin that decides by itself whether it can work here. Asked once, after it was made.</summary>
public interface ISelfEnabled
{
    /// <summary>Why it should not be used, such as a device that is not there; null when it should.</summary>
    string? DisabledReason { get; }
}

/// <summary>A plugin in a catalog: what is known of it. Safe from any thread.</summary>
public abstract class Plugin
{
    private protected Plugin(PluginDescriptor descriptor, PluginFailure? failure) => (Descriptor, Failure) = (descriptor, failure);

    /// <summary>What is known of it without its code.</summary>
    public PluginDescriptor Descriptor { get; }

    /// <summary>Its name.</summary>
    public string Name => Descriptor.Name;

    /// <summary>Why it cannot be used; null as long as nothing is known against it.</summary>
    public PluginFailure? Failure { get; private protected set; }

    /// <summary>Why it is disabled or failed; null otherwise.</summary>
    public string? Reason => Disabled ?? Failure?.Reason;

    /// <summary>How it is at this moment. Asking loads nothing.</summary>
    public PluginState State => Disabled is not null ? PluginState.Disabled : Failure is not null ? PluginState.Failed : IsMade ? PluginState.Loaded : PluginState.Known;

    /// <summary>Whether it can be used, which is tried: its code is loaded and it is made, unless that was done before.</summary>
    public abstract bool Probe();

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private protected string? Disabled { get; set; }

    private protected abstract bool IsMade { get; }
}

/// <summary>A plugin in a catalog: what is known of it, and, made when it is first asked for, the plugin itself. Safe from any thread.</summary>
/// <typeparam name="T">The contract of its kind.</typeparam>
public sealed class Plugin<T> : Plugin
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Func<T> _create;
    private T? _value;

    internal Plugin(PluginDescriptor descriptor, Func<T> create, PluginFailure? failure = null) : base(descriptor, failure) => _create = create;

    /// <summary>The plugin itself. Made at the first call, once, whatever comes of it: one that failed stays failed until it is removed and added again.</summary>
    /// <exception cref="PluginUnavailableException">It is disabled or failed; the message has the reason.</exception>
    public T Value => TryGet(out var value)
        ? value
        : throw new PluginUnavailableException($"The {Descriptor.Kind} plugin '{Name}' ({Descriptor.Origin}) {(Disabled is null ? "cannot be used" : "is disabled")}: {Reason}");

    /// <summary>The plugin itself, made if need be; false when it is disabled or failed.</summary>
    public bool TryGet([NotNullWhen(true)] out T? value)
    {
        lock (_lock)
        {
            if (_value is null && Disabled is null && Failure is null)
                Make();
            value = Disabled is null ? _value : null;
            return value is not null;
        }
    }

    /// <inheritdoc/>
    public override bool Probe() => TryGet(out _);

    /// <summary>What its code is unloaded by; null for one that came with the program.</summary>
    internal LoadedPlugin? Loaded { get; set; }

    internal void Disable(string reason)
    {
        lock (_lock)
            Disabled ??= reason;
    }

    internal bool Unload()
    {
        lock (_lock)
            (_value, Disabled) = (null, "it is unloaded");
        return Loaded?.Unload() ?? false;
    }

    private protected override bool IsMade => _value is not null;

    private void Make()
    {
        try
        {
            var made = _create();
            if ((made as ISelfEnabled)?.DisabledReason is { } reason)
                Disabled = reason;
            _value = made;
        }
        catch (Exception e)
        {
            // Whatever a plugin throws is a property of that plugin, not of the program that lists it.
            Failure = PluginUnavailableException.FailureOf(e, Name);
        }
    }
}

/// <summary>A plugin is disabled, or cannot be used.</summary>
public sealed class PluginUnavailableException : EvBusException
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public PluginUnavailableException() { }

    /// <summary>Makes one that says which plugin and why.</summary>
    public PluginUnavailableException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public PluginUnavailableException(string message, Exception? innerException) : base(message, innerException) { }

    internal PluginUnavailableException(PluginFailure failure, Exception? innerException = null) : base(failure.Reason, innerException) => Failure = failure;

    /// <summary>Why; null when it is disabled.</summary>
    public PluginFailure? Failure { get; }

    /// <summary>What an exception of a plugin's code, or of loading it, means.</summary>
    internal static PluginFailure FailureOf(Exception exception, string name)
    {
        while (exception is TargetInvocationException or TypeInitializationException && exception.InnerException is { } inner)
            exception = inner;
        return exception switch
        {
            PluginUnavailableException { Failure: { } known } => known,
            MissingMemberException or TypeLoadException or BadImageFormatException => new(PluginFailureKind.WrongContract,
                $"it was built against another version of what it uses: {exception.Message} Build it against the EvBus of this program."),
            FileNotFoundException { FileName: { Length: > 0 } file } when file.Contains(", Version=", StringComparison.Ordinal) => new(PluginFailureKind.MissingDependency,
                $"it needs the assembly '{file}', which is not there. Put it into the plugin's folder ('dotnet publish' does)."),
            FileLoadException load => new(PluginFailureKind.MissingDependency, $"an assembly that it needs cannot be loaded: {load.Message}"),
            _ => new(PluginFailureKind.ConstructorThrew, $"'{name}' threw while it was made: {exception.GetType().Name}: {exception.Message}"),
        };
    }
}
