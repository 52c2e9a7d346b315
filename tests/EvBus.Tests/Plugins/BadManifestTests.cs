using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace EvBus.Tests.Plugins;

/// <summary>A plugin folder holds what anybody put there: none of it is an exception or a wait.</summary>
public class BadManifestTests
{
    [Theory]
    [InlineData("""{"kind":"ingress","assembly":"Plugin.One.dll","type":"T","contract":"1.0","platforms":[""]}""", "must name systems")]
    [InlineData("""{"kind":"ingress","assembly":"Plugin.One.dll","type":"T","contract":"1.0","platforms":["-x64"]}""", "must name systems")]
    [InlineData("""{"kind":"ingress","assembly":"Plugin.One.dll","type":"T","contract":"1.0","platforms":["\ud800"]}""", "cannot be used")]
    [InlineData("""{"name":"\ud800","kind":"ingress"}""", "cannot be used")]
    [InlineData("""{"\ud800":"x"}""", "cannot be used")]
    [InlineData("""{"kind":"ingress","aliases":["\udc00"]}""", "cannot be used")]
    [InlineData("""{"kind":"ingress","assembly":"a\u0000b","type":"T","contract":"1.0"}""", "there is no")]
    public async Task A_manifest_that_is_odd_is_a_refused_plugin_with_a_reason(string json, string reason)
    {
        using var bed = new PluginBed();
        File.WriteAllText(Path.Combine(bed.Install("Plugin.One"), "plugin.json"), json);
        var loaded = new PluginLoader().Load(bed.Manifest("Plugin.One"));
        Assert.Contains(reason, loaded.Failure!.Reason, StringComparison.Ordinal);
        await using var bus = await EventBus.StartAsync(bus => bus.AddPlugins(bed.Path));
    }

    [Theory]
    [InlineData("plugin.json")]
    [InlineData("example.yml")]
    [InlineData("Plugin.One.dll")]
    [InlineData("Plugin.One.deps.json")]
    public async Task A_pipe_or_a_device_in_place_of_a_file_is_refused_and_not_waited_for(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes with names are Unix's, and only Linux says here what a file is.");
        foreach (var device in new[] { "", "/dev/zero" })
        {
            using var bed = new PluginBed();
            var file = Path.Combine(bed.Install("Plugin.One"), name);
            File.Delete(file);
            if (device.Length > 0)
                File.CreateSymbolicLink(file, device);
            else
                await Process.Start("mkfifo", [file]).WaitForExitAsync(TestContext.Current.CancellationToken);
            var loaded = await Task.Run(() => new PluginLoader().Load(bed.Manifest("Plugin.One"))).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            Assert.Contains($"'{name}'", loaded.Failure!.Reason, StringComparison.Ordinal);
            Assert.Contains("no plain file", loaded.Failure.Reason, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(".")]
    [InlineData("Plugin.One")]
    [InlineData("Plugin.One/plugin.json")]
    [InlineData("Plugin.One/Plugin.One.dll")]
    public async Task A_plugin_that_everybody_may_write_is_warned_about(string open)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        using var bed = new PluginBed();
        bed.Install("Plugin.One");
        Assert.Null(bed.Manifest("Plugin.One").Warning);
        var path = Path.GetFullPath(Path.Combine(bed.Path, open));
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);
        var log = new Warnings();
        await using (await EventBus.StartAsync(bus =>
        {
            bus.LoggerFactory = log;
            bus.AddPlugins(bed.Path);
        }))
            Assert.Contains(log.Said, each => each.Contains($"everybody may write '{path}'", StringComparison.Ordinal));
    }

    private sealed class Warnings : ILoggerFactory, ILogger
    {
        public List<string> Said { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) { }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel == LogLevel.Warning)
            {
                lock (Said)
                    Said.Add(formatter(state, exception));
            }
        }

        public void Dispose() { }
    }
}
