using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace EvBus.Ingress.Kafka;

/// <summary>Finds librdkafka: beside the program when the client's own package brought it, else the operating system's.</summary>
internal static class NativeClient
{
    /// <summary>As Debian, and as others name it.</summary>
    private static readonly string[] s_names = ["librdkafka.so.1", "librdkafka.1.dylib", "librdkafka"];

    private static readonly Lazy<string?> s_trouble = new(Load);

    /// <summary>librdkafka's version. Throws when there is none.</summary>
    public static string Version => s_trouble.Value is { } trouble ? throw new EvBusException(trouble) : Library.VersionString;

    private static string? Load()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);
        }
        catch (InvalidOperationException)
        {
            // The application has a resolver of its own, which then is what finds it.
        }
        try
        {
            Library.Load();
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or InvalidOperationException or TypeInitializationException or EntryPointNotFoundException)
        {
            return $"librdkafka, the native part of the Kafka client, cannot be loaded: {e.GetBaseException().Message} Install it (Debian and Ubuntu: apt-get install librdkafka1), or build with -p:EvBusNativeKafkaPackage=true.";
        }
    }

    private static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (!name.Contains("rdkafka", StringComparison.Ordinal))
            return IntPtr.Zero;
        if (NativeLibrary.TryLoad(name, assembly, path, out var handle))
            return handle;
        foreach (var each in s_names)
        {
            if (NativeLibrary.TryLoad(each, assembly, null, out handle))
                return handle;
        }
        return IntPtr.Zero;
    }
}
