using System.Collections.Concurrent;

namespace EvBus.Samples.Embedded;

/// <summary>Stands for some client library: a connection that is opened with credentials and has channels.</summary>
public sealed class SomeConnection : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _published;

    private SomeConnection(ConcurrentQueue<string> published) => _published = published;

    public static ValueTask<SomeConnection> ConnectAsync(ConcurrentQueue<string> published, string host, long port, string username, string password)
    {
        // A real library would open a socket here. What it is given never reaches a log.
        ArgumentException.ThrowIfNullOrEmpty(password);
        published.Enqueue($"connected to {host}:{port} as {username}");
        return new(new SomeConnection(published));
    }

    public ValueTask PublishAsync(string channel, BusEvent evt)
    {
        _published.Enqueue($"{channel}: {evt.GetText()}");
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        _published.Enqueue("connection closed");
        return ValueTask.CompletedTask;
    }
}

/// <summary>
/// The original's <c>my_project/acct/evbus/my_plugin.py</c>: <c>async def gather(hub)</c>, line by line. Reads profiles such as
/// <code>
/// my_plugin:
///   profile_name:
///     host: localhost
///     port: 12345
///     username: XXXXXXXXXXXX
///     password: XXXXXXXXXXXX
///     ingress_channels:
///       - channel1
///       - channel2
/// </code>
/// </summary>
public sealed class MyGatherer(ConcurrentQueue<string> published) : IProfileGatherer
{
    public string Provider => "my_plugin";

    public async ValueTask<IReadOnlyList<object>> GatherAsync(IReadOnlyList<Profile> profiles, CancellationToken cancellationToken)
    {
        var subProfiles = new List<object>();
        foreach (var ctx in profiles)                                          // for profile, ctx in hub.acct.PROFILES.get("my_plugin", {}).items():
        {
            subProfiles.Add(new Dictionary<string, object?>                    //     sub_profiles[profile] = {
            {
                ["connected"] = false,                                         //         "connected": False,
                ["connection"] = await SomeConnection.ConnectAsync(            //         "connection": await some_library.connect(**ctx),
                    published, ctx.GetRequiredString("host"), ctx.GetInt64("port") ?? 0, ctx.GetRequiredString("username"), ctx.GetRequiredString("password")),
                ["channels"] = ctx.GetStrings("ingress_channels"),             //         "channels": ctx.pop("ingress_channels", []),
            });                                                                //     }
        }
        return subProfiles;                                                    // return sub_profiles
    }
}
