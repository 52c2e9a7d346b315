using System.Reflection;
using System.Reflection.Emit;

namespace EvBus.Tests.Plugins;

/// <summary>Plugins that were built against a contract that is not this program's. Their code is written here, for no compiler would make it against this one.</summary>
public class StalePluginTests
{
    [Fact]
    public void A_plugin_that_lacks_what_the_contract_has_gained_is_refused_at_loading()
    {
        using var bed = new PluginBed();
        var publisher = OldContract().DefineType("EvBus.IPublisher", TypeAttributes.Public | TypeAttributes.Interface | TypeAttributes.Abstract).CreateType();
        Install(bed, stale => stale.DefineType("Stale.Plugin", TypeAttributes.Public, typeof(object), [publisher]).CreateType());
        var failure = new PluginLoader().Load(bed.Manifest("Plugin.One")).Failure!;
        Assert.Equal(PluginFailureKind.WrongContract, failure.Kind);
        Assert.Contains("does not have an implementation", failure.Reason, StringComparison.Ordinal);
        Assert.Contains("Build it against the EvBus of this program", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plugin_that_calls_what_is_gone_says_what_it_misses()
    {
        using var bed = new PluginBed();
        var bus = OldContract().DefineType("EvBus.EventBus", TypeAttributes.Public);
        var gone = bus.DefineMethod("AskOldFriend", MethodAttributes.Public | MethodAttributes.Static);
        gone.GetILGenerator().Emit(OpCodes.Ret);
        bus.CreateType();
        Install(bed, stale =>
        {
            var plugin = stale.DefineType("Stale.Plugin", TypeAttributes.Public, typeof(object), [typeof(IPublisher)]);
            foreach (var method in typeof(IPublisher).GetMethods().Concat(typeof(IAsyncDisposable).GetMethods()).Where(method => method.IsAbstract))
            {
                var code = plugin.DefineMethod(
                    method.Name, MethodAttributes.Public | MethodAttributes.Virtual, method.ReturnType, [.. method.GetParameters().Select(parameter => parameter.ParameterType)]).GetILGenerator();
                code.Emit(OpCodes.Ldnull);
                code.Emit(OpCodes.Throw);
            }
            var make = plugin.DefineConstructor(MethodAttributes.Public, CallingConventions.Standard, []).GetILGenerator();
            make.Emit(OpCodes.Call, gone);
            make.Emit(OpCodes.Ret);
            plugin.CreateType();
        });
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        Assert.Null(loaded.Failure);
        var failure = Assert.Throws<PluginUnavailableException>(() => loaded.Create<IPublisher>()).Failure!;
        Assert.Equal(PluginFailureKind.WrongContract, failure.Kind);
        Assert.Contains("AskOldFriend", failure.Reason, StringComparison.Ordinal);
    }

    private static ModuleBuilder OldContract() =>
        new PersistedAssemblyBuilder(new AssemblyName("EvBus") { Version = typeof(EventBus).Assembly.GetName().Version }, typeof(object).Assembly).DefineDynamicModule("EvBus");

    private static void Install(PluginBed bed, Action<ModuleBuilder> define)
    {
        var folder = bed.Install("Plugin.One", null, ("assembly", "Stale.dll"), ("type", "Stale.Plugin"));
        var stale = new PersistedAssemblyBuilder(new AssemblyName("Stale"), typeof(object).Assembly);
        define(stale.DefineDynamicModule("Stale"));
        stale.Save(Path.Combine(folder, "Stale.dll"));
    }
}
