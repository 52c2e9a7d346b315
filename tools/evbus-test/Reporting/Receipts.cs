using System.Text;
using System.Threading.Channels;
using EvBus.Tools.Tester.Sources;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>
/// Puts that wait for their receipts, many at a time, and the file that the ids of those that have it are written to: a line each, handed to
/// the system as soon as it is known. For any number of sources.
/// </summary>
internal sealed class Receipts : IAsyncDisposable
{
    /// <summary>How many puts may wait at the same time.</summary>
    public const int UnderWay = 1024;

    private readonly SemaphoreSlim _line = new(UnderWay, UnderWay);
    private readonly Channel<string> _ids = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Receipt _receipt;
    private readonly FileStream? _file;
    private readonly Task _writing;
    private volatile string? _trouble;
    private long _given;

    private Receipts(Receipt receipt, FileStream? file)
    {
        _receipt = receipt;
        _file = file;
        _writing = file is null ? Task.CompletedTask : Task.Run(WriteAsync);
    }

    public static IReadOnlyList<string> Names { get; } = ["accepted", "durable", "delivered"];

    /// <summary>How many have their receipt.</summary>
    public long Given => Interlocked.Read(ref _given);

    /// <summary>What went wrong with the file, or with a put; null when nothing did.</summary>
    public string? Trouble => _trouble;

    public static Receipt Parse(string name) => name switch
    {
        "durable" => Receipt.Durable,
        "delivered" => Receipt.Delivered(),
        _ => Receipt.Accepted,
    };

    /// <exception cref="InputException">The file cannot be written.</exception>
    public static Receipts Open(Receipt receipt, string? path)
    {
        try
        {
            return new Receipts(receipt, path is null ? null : new FileStream(path, OwnFile.Append));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException($"--receipts-to: '{path}' cannot be written: {e.Message} Name a file in a folder that is there and may be written to.");
        }
    }

    /// <summary>Puts an event; returns as soon as another may be put, while this one still waits for its receipt.</summary>
    public async ValueTask PutAsync(IEventBus bus, BusEvent evt, CancellationToken cancellationToken)
    {
        await _line.WaitAsync(cancellationToken);
        // Once under way it is waited for, whatever ends the run.
        _ = AwaitAsync(bus.PutAsync(evt, _receipt, CancellationToken.None), evt.Attributes.Id);
    }

    /// <summary>Returns when every put has its answer.</summary>
    public async Task FinishAsync()
    {
        for (var i = 0; i < UnderWay; i++)
            await _line.WaitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _ids.Writer.TryComplete();
        await _writing;
        if (_file is not null)
            await _file.DisposeAsync();
        _line.Dispose();
    }

    private async Task AwaitAsync(ValueTask<PutResult> put, string? id)
    {
        try
        {
            var result = await put;
            if (IsGiven(result.Outcome))
            {
                Interlocked.Increment(ref _given);
                _ids.Writer.TryWrite(id ?? result.StampedId.ToString());
            }
            else if (result.Outcome == PutOutcome.Refused)
            {
                _trouble ??= $"an event is refused ({result.Refusal}): {result.Reason}";
            }
        }
        catch (Exception e) when (e is NotSupportedException or EvBusException)
        {
            _trouble ??= e.Message;
        }
        finally
        {
            _line.Release();
        }
    }

    private bool IsGiven(PutOutcome outcome) =>
        _receipt == Receipt.Accepted ? outcome != PutOutcome.Refused : outcome == (_receipt == Receipt.Durable ? PutOutcome.Durable : PutOutcome.Delivered);

    private async Task WriteAsync()
    {
        var lines = new StringBuilder();
        try
        {
            while (await _ids.Reader.WaitToReadAsync())
            {
                while (_ids.Reader.TryRead(out var id))
                    lines.Append(id).Append('\n');
                await _file!.WriteAsync(Encoding.UTF8.GetBytes(lines.ToString()));
                await _file.FlushAsync();
                lines.Clear();
            }
        }
        catch (IOException e)
        {
            _trouble = $"--receipts-to cannot be written: {e.Message}";
        }
    }
}
