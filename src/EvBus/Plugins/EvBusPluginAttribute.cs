namespace EvBus;

/// <summary>
/// Says that an assembly brings a plugin. It does nothing by itself: a program that wants the plugins of an assembly asks for them with
/// <c>bus.AddPluginsFrom(assembly)</c>.
/// </summary>
/// <param name="type">The plugin: a publisher, a type with a static <see cref="IngressDescriptor"/>, or what the contract of another kind asks for.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class EvBusPluginAttribute(Type type) : Attribute
{
    /// <summary>The plugin.</summary>
    public Type Type { get; } = type;

    /// <summary>The kind. Default: a publisher.</summary>
    public string Kind { get; set; } = PluginKinds.Ingress;

    /// <summary>The name it goes by here. Default: the type's name in lower case, without <c>Publisher</c>, <c>Ingress</c>, <c>Gatherer</c> or <c>Serializer</c> behind it.</summary>
    public string Name { get; set; } = Default(type);

    /// <summary>One line for a person who has to choose. Default: the plugin's own.</summary>
    public string Description { get; set; } = "";

    /// <summary>Whether a publisher needs a profile. Default: yes.</summary>
    public bool NeedsProfile { get; set; } = true;

    private static string Default(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        var suffix = Array.Find(["Publisher", "Ingress", "Gatherer", "Serializer"], each => type.Name.EndsWith(each, StringComparison.Ordinal) && type.Name.Length > each.Length) ?? "";
        return type.Name[..^suffix.Length].ToLowerInvariant();
    }
}
