using System.Diagnostics;
using EvBus.Testing;

namespace EvBus.Ingress.Exec.Tests;

/// <summary>The contract with a real program in Python, whose connection is its life.</summary>
public sealed class ExecContract : PublisherContract
{
    private const string Secret = "right";

    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        Programs.NeedPython();
        var folder = Directory.CreateTempSubdirectory("evbus-exec-").FullName;
        var output = Path.Combine(folder, "out.ndjson");
        var hold = Path.Combine(folder, "hold");
        ExecPublisher? last = null;
        return new(new PublisherHarness
        {
            Name = "exec",
            Create = context => last = (ExecPublisher)ExecIngress.Descriptor.Create(context),
            Profile = Profile(Secret, "python3"),
            RefusedProfile = Profile("wrong-t0ken", "python3"),
            MissingProfile = Profile(Secret, "no-such-program"),
            Secrets = ["wrong-t0ken"],
            Unwanted = new BusEvent("\"unwanted\"", new EventAttributes { Id = "unwanted" }),
            Read = _ => new(File.Exists(output) ? File.ReadAllBytes(output).Lines().Select(line => ReceivedEvent.FromCloudEvent(line)).ToList() : []),
            Cut = () =>
            {
                Programs.Kill(last!);
                return default;
            },
            Hold = () =>
            {
                File.WriteAllText(hold, "");
                return default;
            },
            Release = () =>
            {
                File.Delete(hold);
                return default;
            },
            Limits = new PublisherLimits { OpenConnections = "the program is the connection", },
            OnDispose = () =>
            {
                Directory.Delete(folder, recursive: true);
                return default;
            },
        });

        Profile Profile(string token, string program) => new("exec", "contract", new Dictionary<string, object?>
        {
            ["command"] = new List<object?> { program, Programs.Path("programs/keeper.py") },
            ["environment"] = new Dictionary<string, object?> { ["OUTPUT"] = output, ["HOLD"] = hold, ["TOKEN"] = token },
        });
    }
}

internal static class Programs
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, name);

    public static void NeedPython()
    {
        var isThere = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator).Any(folder => File.Exists(System.IO.Path.Combine(folder, "python3")));
        if (!isThere && Environment.GetEnvironmentVariable("CI") == "true")
            Assert.Fail("python3 is missing");
        Assert.SkipUnless(isThere, "there is no python3 in PATH");
    }

    public static void Kill(ExecPublisher publisher)
    {
        if (publisher.ProcessId is not { } id)
            return;
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // It has ended already.
        }
    }

    public static IEnumerable<byte[]> Lines(this byte[] bytes)
    {
        for (var from = 0; from < bytes.Length && Array.IndexOf(bytes, (byte)'\n', from) is >= 0 and var end; from = end + 1)
            yield return bytes[from..end];
    }
}
