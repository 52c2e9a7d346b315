using System.Collections.Concurrent;
using System.CommandLine;
using System.Threading.Channels;
using EvBus;
using EvBus.Acct;
using EvBus.Samples.Embedded;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// A larger application with a command line of its own, which takes over the acct options and merges EvBus beside its own parts.
// The integration chapter of the original's document, example by example: README.md says which is which.
var hosted = new Option<bool>("--hosted") { Description = "Run the bus inside a generic host instead of by itself" };
var logged = new Option<bool>("--log") { Description = "With --hosted: put the application's own log on the bus too" };
var root = new RootCommand("my_project: an application with an event bus inside") { hosted, logged };
AcctOptions.AddTo(root);                                      // CLI_CONFIG = {"acct_file": {"source": "acct"}, "acct_key": …, "ingress_profiles": …}

root.SetAction(async (parsed, cancellationToken) =>
{
    var myQueue = Channel.CreateUnbounded<BusEvent>();
    var published = new ConcurrentQueue<string>();

    void Configure(EvBusBuilder bus) => bus
        .AddAcct(AcctOptions.From(parsed))                    // acct_file=…, acct_key=…, ingress_profiles=…
        // async def publish(hub, event): await my_queue.put(event)
        .AddIngress("my_queue", async (BusEvent evt, CancellationToken ct) => await myQueue.Writer.WriteAsync(evt, ct))
        // async def publish(hub, ctx, event): for channel in ctx.channels: …
        .AddIngress("my_plugin", async (IngressContext ctx, BusEvent evt, CancellationToken _) =>
        {
            foreach (var channel in (IReadOnlyList<string>)ctx["channels"]!)
                await ctx.Get<SomeConnection>().PublishAsync(channel, evt);
        })
        .AddGatherer(new MyGatherer(published));

    if (parsed.GetValue(hosted))
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddEvBus(bus =>
        {
            Configure(bus);
            bus.AddIngress("my_log", (BusEvent evt, CancellationToken _) =>
            {
                published.Enqueue($"my_log: {evt.GetText()}");
                return ValueTask.CompletedTask;
            }, pattern: "logger");
        });
        if (parsed.GetValue(logged))
            builder.Logging.AddEvBus(new EvBusLoggerOptions { Categories = ["my_project"] });
        using var host = builder.Build();
        var bus = host.Services.GetRequiredService<IEventBus>();
        host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("my_project").LogInformation("said by the application");
        await bus.PutAsync(new { hello = "before the start" }, cancellationToken: cancellationToken);
        await host.StartAsync(cancellationToken);
        await bus.PutAsync(new { hello = "world" }, receipt: Receipt.Delivered(), cancellationToken: cancellationToken);
        await host.StopAsync(cancellationToken);
    }
    else
    {
        await using var bus = await EventBus.StartAsync(Configure, cancellationToken);
        await bus.PutAsync(new { hello = "world" }, receipt: Receipt.Delivered(), cancellationToken: cancellationToken);
    }

    while (myQueue.Reader.TryRead(out var evt))
        Console.WriteLine($"my_queue: {evt.GetText()}");
    foreach (var line in published)
        Console.WriteLine(line);
});
return await root.Parse(args).InvokeAsync();
