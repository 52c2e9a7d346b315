using System.Text;
using EvBus;

namespace Plugins.Broken;

/// <summary>Keeps the contract: appends bodies in base64 to the file of its profile.</summary>
public class Good(IngressContext context) : IPublisher
{
    protected string Path { get; } = context.Profile!.GetRequiredString("path");

    public virtual ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Append(batch);
        return new(PublishResult.Delivered);
    }

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return default;
    }

    protected void Append(IEnumerable<EventView> events)
    {
        using var file = new FileStream(Path, FileMode.Append);
        foreach (var evt in events)
            file.Write(Encoding.ASCII.GetBytes($"{{\"specversion\":\"1.0\",\"data_base64\":\"{Convert.ToBase64String(evt.Body.Span)}\"}}\n"));
    }
}

/// <summary>Says delivered and keeps the last event to itself until the next call.</summary>
public sealed class SaysTooSoon(IngressContext context) : Good(context)
{
    public override ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        Append(batch.Take(batch.Count - 1));
        return new(PublishResult.Delivered);
    }
}

/// <summary>Forgets the verdict of the last event of a batch.</summary>
public sealed class CountsWrong(IngressContext context) : Good(context)
{
    public override async ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
    {
        var verdicts = new EventVerdict[Math.Max(1, batch.Count - 1)];
        await base.PublishAsync(batch, cancellationToken);
        return PublishResult.Mixed(verdicts);
    }
}

/// <summary>Says the password aloud.</summary>
public sealed class Talks(IngressContext context) : Good(context), IPublisher
{
    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        var said = $"connecting with {context.Profile!.GetString("password")}";
        context.Logger.Log(Microsoft.Extensions.Logging.LogLevel.Information, default, said, null, static (text, _) => text);
        return default;
    }

    private readonly IngressContext context = context;
}

/// <summary>Cannot be disposed twice.</summary>
public sealed class DiesTwice(IngressContext context) : Good(context)
{
    private bool _isDisposed;

    public override ValueTask DisposeAsync()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _isDisposed = true;
        return base.DisposeAsync();
    }
}

/// <summary>Leaves a timer behind that holds it for ever.</summary>
public sealed class LeavesTimer(IngressContext context) : Good(context), IPublisher
{
    private static readonly List<LeavesTimer> s_all = [];

    public ValueTask ConnectAsync(CancellationToken cancellationToken)
    {
        lock (s_all)
            s_all.Add(this);
        return default;
    }
}
