using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Microsoft.Extensions.DependencyInjection;

namespace EvBus;

/// <summary>
/// Loads plugins from their folders: each in a load context of its own, so that its private dependencies are its own, while the assemblies of the contract (EvBus
/// and what its public members speak of) are the program's. Safe from any thread.
/// </summary>
/// <param name="shared">Further assemblies of the program that plugins share, for kinds whose contract is not in EvBus. Default: none.</param>
public sealed class PluginLoader(params IEnumerable<Assembly> shared)
{
    // What EvBus needs is there wherever EvBus is.
    private readonly HashSet<string> _shared =
    [
        "EvBus", "Microsoft.Extensions.Primitives",
        .. typeof(PluginLoader).Assembly.GetReferencedAssemblies().Select(each => each.Name!).Where(name => name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal)),
        .. shared.Select(each => each.GetName().Name!),
    ];

    /// <summary>The version of the contract between this program and its plugins. A plugin of the same major and no later minor version fits.</summary>
    public static Version Contract { get; } = new(1, 0);

    /// <summary>Loads the plugin's assembly, its direct dependencies and its type, and runs none of its code.</summary>
    /// <returns>The plugin, or in <see cref="LoadedPlugin.Failure"/> why there is none. Never throws for what is wrong with a plugin.</returns>
    public LoadedPlugin Load(PluginManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        if (manifest.Failure is not null)
            return new LoadedPlugin(manifest, manifest.Failure);
        var path = Path.Combine(manifest.Folder, manifest.Assembly);
        if (!File.Exists(path))
            return new LoadedPlugin(manifest, new(PluginFailureKind.MissingAssembly, $"there is no '{manifest.Assembly}' in '{manifest.Folder}'. Copy the plugin's files again, or correct 'assembly' in its manifest."));
        // Opened by the runtime, which would wait for what is no plain file for ever.
        if (((string[])[path, Path.ChangeExtension(path, ".deps.json")]).FirstOrDefault(each => Path.Exists(each) && !PluginFile.IsPlain(each)) is { } odd)
            return new LoadedPlugin(manifest, new(PluginFailureKind.MissingAssembly, $"'{Path.GetFileName(odd)}' in '{manifest.Folder}' is no plain file. Copy the plugin's files again."));
        Context? context = null;
        try
        {
            context = new Context(manifest.Name, path, _shared);
            var assembly = context.LoadFromAssemblyPath(path);
            // Found now, or the first event would find out.
            if (assembly.GetReferencedAssemblies().Select(each => Missing(each, context)).FirstOrDefault(failure => failure is not null) is { } missing)
                throw new PluginUnavailableException(missing);
            var type = assembly.GetType(manifest.Type, throwOnError: true)!;
            return new LoadedPlugin(manifest, null) { Context = context, Type = type };
        }
        catch (Exception e)
        {
            context?.Unload();
            return new LoadedPlugin(manifest, FailureOf(e, manifest));
        }
    }

    private PluginFailure? Missing(AssemblyName reference, Context context)
    {
        var isShared = _shared.Contains(reference.Name!);
        // The runtime does not compare versions in a context that is not its own, and says less about its own.
        var found = (isShared ? AssemblyLoadContext.Default : context).LoadFromAssemblyName(isShared ? new AssemblyName(reference.Name!) : reference).GetName().Version;
        return found >= reference.Version ? null
            : isShared ? new(PluginFailureKind.WrongContract, $"it was built against {reference.Name} {reference.Version}, and this program has {found}. Use a build of it for this program, or a newer program.")
            : new(PluginFailureKind.MissingDependency, $"it needs {reference.Name} {reference.Version}, and what is there is {found}. Put the right one into the plugin's folder ('dotnet publish' does).");
    }

    private static PluginFailure FailureOf(Exception exception, PluginManifest manifest) => exception switch
    {
        PluginUnavailableException { Failure: { } failure } => failure,
        BadImageFormatException => new(PluginFailureKind.MissingAssembly, $"'{manifest.Assembly}' is no .NET assembly for this platform: {exception.Message}"),
        ArgumentException => NoType(manifest),
        // The same exception also says that a type which is there lacks a method of the contract.
        TypeLoadException missing when missing.TypeName == manifest.Type && !missing.Message.StartsWith("Method '", StringComparison.Ordinal) => NoType(manifest),
        _ => PluginUnavailableException.FailureOf(exception, manifest.Name),
    };

    private static PluginFailure NoType(PluginManifest manifest) => new(PluginFailureKind.WrongType,
        $"there is no type '{manifest.Type}' in '{manifest.Assembly}'. Correct 'type' in its manifest; it is the full name, with namespace.");

    internal sealed class Context(string name, string path, HashSet<string> shared) : AssemblyLoadContext($"evbus plugin {name}", isCollectible: true)
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName) =>
            !shared.Contains(assemblyName.Name!) && _resolver.ResolveAssemblyToPath(assemblyName) is { } found ? LoadFromAssemblyPath(found) : null;

        protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
            _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } found ? LoadUnmanagedDllFromPath(found) : 0;
    }
}

/// <summary>A plugin's type in the load context of its folder, or why there is none. For one thread.</summary>
public sealed class LoadedPlugin
{
    internal LoadedPlugin(PluginManifest manifest, PluginFailure? failure) => (Manifest, Failure) = (manifest, failure);

    /// <summary>What was loaded.</summary>
    public PluginManifest Manifest { get; }

    /// <summary>Why it cannot be used; null when its type is there.</summary>
    public PluginFailure? Failure { get; }

    /// <summary>Its type; null after a failure and after <see cref="Unload"/>.</summary>
    public Type? Type { get; internal set; }

    internal PluginLoader.Context? Context { get; set; }

    /// <summary>Makes the plugin. A publisher is made by way of <see cref="IngressDescriptor"/>: ask for that.</summary>
    /// <typeparam name="T">The contract of its kind.</typeparam>
    /// <param name="services">Where its constructor's arguments come from. Default: it needs none.</param>
    /// <exception cref="PluginUnavailableException">It cannot be made; <see cref="PluginUnavailableException.Failure"/> has the kind and the reason.</exception>
    public T Create<T>(IServiceProvider? services = null)
        where T : class
    {
        if (Type is null)
            throw new PluginUnavailableException(Failure ?? new(PluginFailureKind.WrongType, "it is unloaded"));
        return PluginType.Create<T>(Type, Manifest, services);
    }

    /// <summary>
    /// Lets go of the plugin's code, as far as that can be: memory and files are free only when nothing refers to it any more, and not even the runtime can
    /// force that. Dispose what was made of the plugin and forget it first.
    /// </summary>
    /// <returns>Whether its code is gone. False means that something still refers to it (a lane, a thread, a cache of a library): restart the process to be sure.</returns>
    public bool Unload()
    {
        var rest = Release();
        // Each round lets go of what the finalizers of the last one held.
        for (var round = 0; rest is { IsAlive: true } && round < 10; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return rest is not { IsAlive: true };
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference? Release()
    {
        if (Context is null)
            return null;
        var rest = new WeakReference(Context);
        Context.Unload();
        (Context, Type) = (null, null);
        return rest;
    }
}

/// <summary>Makes plugins of types, wherever those came from.</summary>
internal static class PluginType
{
    /// <exception cref="PluginUnavailableException">It cannot be made.</exception>
    public static T Create<T>(Type type, PluginDescriptor descriptor, IServiceProvider? services)
        where T : class
    {
        try
        {
            if (typeof(T) == typeof(IngressDescriptor))
                return (T)(object)Ingress(type, descriptor);
            return typeof(T).IsAssignableFrom(type) && !type.IsAbstract
                ? (T)ActivatorUtilities.CreateInstance(services ?? NoServices.Instance, type)
                : throw Wrong($"'{type.FullName}' is no {typeof(T).Name} that can be made, as a plugin of the kind '{descriptor.Kind}' must be. Correct 'type', or the type.");
        }
        catch (Exception e) when (e is not PluginUnavailableException)
        {
            throw new PluginUnavailableException(PluginUnavailableException.FailureOf(e, descriptor.Name), e);
        }
    }

    // A type with a descriptor, as the built-in doors are, or a publisher.
    private static IngressDescriptor Ingress(Type type, PluginDescriptor descriptor)
    {
        var property = type.GetProperties(BindingFlags.Public | BindingFlags.Static).FirstOrDefault(each => each.PropertyType == typeof(IngressDescriptor));
        IngressDescriptor made;
        if (property is not null)
            made = (IngressDescriptor?)property.GetValue(null) ?? throw Wrong($"'{type.FullName}.{property.Name}' is null.");
        else if (typeof(IPublisher).IsAssignableFrom(type) && !type.IsAbstract)
            made = new IngressDescriptor { Name = descriptor.Name, Create = Factory(type) };
        else
            throw Wrong($"'{type.FullName}' is neither a publisher (IPublisher) nor has a public static property of the type IngressDescriptor. Correct 'type', or the type.");
        return made with
        {
            Name = descriptor.Name, Aliases = descriptor.Aliases, Version = descriptor.Version, Origin = descriptor.Origin, NeedsProfile = descriptor.NeedsProfile,
            Description = descriptor.Description.Length > 0 ? descriptor.Description : made.Description,
            Example = descriptor.Example.Length > 0 ? descriptor.Example : made.Example,
        };
    }

    private static Func<IngressContext, IPublisher> Factory(Type type)
    {
        var takesContext = type.GetConstructors().Any(each => each.GetParameters().Any(parameter => parameter.ParameterType == typeof(IngressContext)));
        return context => (IPublisher)ActivatorUtilities.CreateInstance(context.Services ?? NoServices.Instance, type, takesContext ? [context] : []);
    }

    private static PluginUnavailableException Wrong(string reason) => new(new PluginFailure(PluginFailureKind.WrongType, reason));

    private sealed class NoServices : IServiceProvider
    {
        public static readonly NoServices Instance = new();

        public object? GetService(Type serviceType) => null;
    }
}
