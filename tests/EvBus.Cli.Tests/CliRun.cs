using System.Globalization;
using System.Text.Json;
using EvBus.Testing;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli;

namespace EvBus.Cli.Tests;

/// <summary>A folder for journals, buses that fill them, and the command run in this process through its real entry point.</summary>
internal sealed class CliRun : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evbus-cli-");

    public string Journal => Path.Combine(_folder.FullName, "journal");

    /// <summary>What the command finds in its environment.</summary>
    public Dictionary<string, string?> Variables { get; } = [];

    /// <summary>What buses encrypt the journal with; null: nothing.</summary>
    public JournalKey? Key { get; set; }

    public string this[string name] => Path.Combine(_folder.FullName, name);

    public async Task<(int Code, string Out, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var code = await EvBusTool.RunAsync(args, new ToolConsole(TextReader.Null, output, error, Variables.GetValueOrDefault, false), TimeProvider.System, CancellationToken.None);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Runs <c>evbus journal COMMAND DIR ... --json</c>.</summary>
    public async Task<(int Code, JsonElement Json)> JsonAsync(string command, params string[] more)
    {
        var (code, output, error) = await RunAsync(["journal", .. command.Split(' '), Journal, .. more, "--json"]);
        Assert.True(output.Length > 0, error);
        return (code, JsonDocument.Parse(output).RootElement);
    }

    /// <summary>The events that <c>cat</c> prints.</summary>
    public async Task<IReadOnlyList<CatLine>> CatAsync(params string[] more)
    {
        var (code, output, error) = await RunAsync(["journal", "cat", Journal, .. more]);
        Assert.True(code == 0, error);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)
            .Select(json => new CatLine(json.GetProperty("evbussequence").GetUInt64(), json.GetProperty("id").GetString()!, json))];
    }

    /// <summary>A bus on the journal; lanes are named with their patterns and publishers.</summary>
    public EventBus Bus(params (string Name, string? Pattern, ScriptedPublisher Publisher)[] lanes) => EventBus.Create(bus =>
    {
        bus.Options = bus.Options with { Journal = new JournalOptions { Mode = JournalMode.Disk, Directory = Journal, SegmentBytes = 64 << 10, Key = Key }, Lane = new LaneOptions { RetryInitial = TimeSpan.FromMilliseconds(5), RetryMax = TimeSpan.FromMilliseconds(20) } };
        foreach (var (name, pattern, publisher) in lanes)
            bus.AddIngress(new IngressDescriptor { Name = name, NeedsProfile = false, Create = _ => publisher }, pattern);
    });

    /// <summary>A publisher that is down until told otherwise.</summary>
    public static ScriptedPublisher Down() => new() { Otherwise = (_, _) => new(PublishResult.Retry("down")) };

    /// <summary>Puts events with bodies of many sizes, every third addressed to profile <c>x</c>, every third to <c>y</c>.</summary>
    public static async Task PutAsync(EventBus bus, int count, int seed = 1, int maxBody = 2000)
    {
        var random = new Random(seed);
        for (var i = 0; i < count; i++)
        {
            var body = string.Create(CultureInfo.InvariantCulture, $"{{\"n\":{i},\"pad\":\"{new string('x', random.Next(maxBody))}\"}}");
            var result = await bus.PutAsync(new BusEvent(body, new EventAttributes { ContentType = "application/json", Profile = (i % 3) switch { 0 => null, 1 => "x", _ => "y" } }), i % 10 == 9 ? Receipt.Durable : Receipt.Accepted);
            Assert.True(result.IsAccepted);
        }
    }

    public void CopyJournal(string to)
    {
        foreach (var file in Directory.EnumerateFiles(Journal, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) is not ("lock" or "lock.owner")))
        {
            var target = Path.Combine(to, Path.GetRelativePath(Journal, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    public static async Task UntilAsync(Func<bool> condition)
    {
        var end = TimeProvider.System.GetUtcNow() + Patience;
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "what was waited for did not come");
            await Task.Yield();
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>One line of <c>cat</c>.</summary>
internal sealed record CatLine(ulong Sequence, string Id, JsonElement Json);
