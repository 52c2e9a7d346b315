using System.Buffers;
using System.CommandLine;
using EvBus.Tools.Tester.Options;
using EvBus.Tools.Tester.Outputters;
using EvBus.Tools.Tester.Reporting;
using EvBus.Tools.Tester.Sources;

namespace EvBus.Tools.Tester;

/// <summary>One run: start the bus, put what the sources give, drain, sum up. The exit code says what became of the events.</summary>
internal sealed class TesterRun(TesterOptions options, ParseResult parsed, TesterHost host) : IDisposable
{
    public const int Lost = 1;
    public const int Interrupted = 130;

    /// <summary>The routing key of the queue that is printed.</summary>
    public const string Queue = "evbus-test";

    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _end = new();
    private IOutputter? _outputter;
    private string? _badInput;
    private IReadOnlyList<string> _profiles = [];

    public static void AddPublishers(EvBusBuilder bus, ParseResult parsed, TesterHost host)
    {
        PluginSetup.Apply(bus, TesterCommand.PluginPaths(parsed));
        host.Configure?.Invoke(bus);
    }

    public void Dispose() => _end.Dispose();

    public async Task<int> RunAsync()
    {
        (EventBus Bus, Stream? Input, Loggers Loggers, Receipts? Receipts) opened;
        try
        {
            opened = await host.UntilInterruptedAsync(OpenAsync);
        }
        catch (EvBusConfigurationException e)
        {
            foreach (var error in e.Errors)
                host.Say(error);
            return TesterCommand.Wrong;
        }
        catch (Exception e) when (e is EvBusException or InputException or IOException or UnauthorizedAccessException)
        {
            host.Say(e.Message);
            return TesterCommand.Wrong;
        }
        catch (OperationCanceledException) when (host.Interrupted.IsCancellationRequested)
        {
            return Interrupted;
        }
        using (opened.Loggers)
        await using (opened.Bus)
        await using (opened.Input)
        await using (opened.Receipts)
            return await RunAsync(opened.Bus, opened.Input, opened.Receipts);
    }

    private async Task<(EventBus Bus, Stream? Input, Loggers Loggers, Receipts? Receipts)> OpenAsync()
    {
        var input = OpenInput();
        var receipts = options.Receipt is { } receipt ? Receipts.Open(receipt, options.ReceiptsTo) : null;
        var loggers = new Loggers(options, host, OpenLog());
        return (await EventBus.StartAsync(Configure(loggers), host.Interrupted), input, loggers, receipts);
    }

    private async Task<int> RunAsync(EventBus bus, Stream? input, Receipts? receipts)
    {
        using var interrupted = host.Interrupted.UnsafeRegister(static end => ((CancellationTokenSource)end!).Cancel(), _end);
        var before = bus.GetStatus();
        using var printer = options.Quiet ? null : new Printer(host.Output, _outputter!, _end.Cancel);
        var printing = printer?.RunAsync(bus.Queues, Queue) ?? Task.CompletedTask;
        var sender = new Sender(bus, options.Profile, options.Count, printer, receipts, host.Time);
        using var live = new CancellationTokenSource();
        var line = options.Quiet && host.IsErrorTerminal && !host.IsDumb ? LiveLine.RunAsync(bus, sender, options, host, _end.Token, live.Token) : Task.CompletedTask;
        var emptying = EmptyOtherQueuesAsync(bus);
        // On the quick way out too: what is left behind is told, not lost without a word.
        using var leaving = host.Leaving.UnsafeRegister(_ => host.Error.Write($"{(options.Summary ? "" : "evbus-test: left before all was delivered.\n")}{Summary.Format(bus.GetStatus(), Elapsed(sender), sender.Samples)}"), null);

        if (!options.Drain)
            await PutAllAsync(sender, input);
        await _end.CancelAsync();
        var status = await bus.StopAsync(options.DrainTimeout);
        if (receipts is not null)
            await receipts.FinishAsync();
        var elapsed = Elapsed(sender);
        await PatientlyAsync(printing);
        await emptying;
        await live.CancelAsync();
        await line;

        if (options.Summary)
            host.Error.Write(Summary.Format(status, elapsed, sender.Samples));
        if (_badInput is not null)
        {
            host.Say(_badInput);
            return TesterCommand.Wrong;
        }
        if (printer?.Trouble is { } trouble)
        {
            host.Say(trouble);
            return Lost;
        }
        if (status.Unwritten > 0)
        {
            host.Say($"{status.Unwritten:N0} accepted events are not on disk and are lost with this process. Make room for the journal, or mend its disk, and put them again.");
            return Lost;
        }
        var astray = Unmatched.Tell(status, before, options, _profiles, sender.Sent).ToList();
        foreach (var said in astray)
            host.Say(said);
        if (host.Interrupted.IsCancellationRequested)
            return Interrupted;
        if (receipts?.Trouble is { } refused)
        {
            host.Say(refused);
            return Lost;
        }
        return astray.Count > 0 || status.Lanes.Any(lane => IsLost(lane, before)) ? Lost : 0;
    }

    private TimeSpan Elapsed(Sender sender) => sender.Began is { } began ? host.Time.GetElapsedTime(began) : TimeSpan.Zero;

    /// <summary>What this run lost; what a journal still holds at its end is kept, unless it was to be drained.</summary>
    private bool IsLost(LaneStatus lane, BusStatus before)
    {
        var earlier = before.Lanes.FirstOrDefault(each => each.Id == lane.Id);
        return lane.Dead + lane.Dropped > (earlier?.Dead ?? 0) + (earlier?.Dropped ?? 0) || (lane.Queued > 0 && (options.Journal is null || options.Drain));
    }

    private Action<EvBusBuilder> Configure(Loggers loggers) => bus =>
    {
        bus.LoggerFactory = loggers;
        bus.Options = bus.Options with { Time = host.Time, StopTimeout = options.DrainTimeout, Seed = options.Seed };
        if (options.Journal is { } folder)
            bus.Options = bus.Options with { Journal = new JournalOptions { Mode = options.Spill ? JournalMode.Spill : JournalMode.Disk, Directory = folder, Key = JournalKey.FromEnvironment() } };
        if (!options.Quiet)
            bus.AddInternalQueue(Queue, Printer.QueueCapacity, null, bus.InternalLane with { IsEphemeral = true });
        Outputter.AddTo(bus.Outputters, options.Color == "always" || (options.Color == "auto" && host.IsOutputTerminal && host.WantsColour));
        AddPublishers(bus, parsed, host);
        _outputter = Outputter.Find(bus.Outputters, options.Output);
        AcctSetup.Apply(parsed, bus);
        _profiles = bus.Options.AllowedProfiles;
    };

    private StreamWriter? OpenLog()
    {
        try
        {
            return options.LogFile is null ? null : new StreamWriter(options.LogFile, OwnFile.Append);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException($"--log-file: '{options.LogFile}' cannot be written: {e.Message} Name a file in a folder that is there and may be written to.");
        }
    }

    /// <summary>Standard input counts without being named, where it is a pipe or a file and nothing else gives events.</summary>
    private bool IsFedByPipe => options.Input is null && !options.Random && host.IsInputRedirected;

    private Stream? OpenInput()
    {
        if (options.Input == "-" || IsFedByPipe)
            return host.Input();
        if (options.Input is null)
            return null;
        if (Directory.Exists(options.Input))
            throw new InputException($"--input: '{options.Input}' is a directory. Name a file, or '-' for standard input.");
        if (!File.Exists(options.Input))
            throw new InputException($"--input: there is no file '{options.Input}'. Name a file, or '-' for standard input.");
        return File.OpenRead(options.Input);
    }

    private async Task PutAllAsync(Sender sender, Stream? input)
    {
        using var timeUp = options.Duration is { } duration ? new CancellationTokenSource(duration, host.Time) : new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, _end.Token);
        var sources = new List<Task>();
        if (options.Random)
            sources.Add(Task.Run(() => PutRandomAsync(sender, either.Token), CancellationToken.None));
        if (input is not null)
            sources.Add(Task.Run(() => PutLinesAsync(sender, input, either.Token), CancellationToken.None));
        try
        {
            var putting = Task.WhenAll(sources);
            if (IsFedByPipe)
                await SayIfIdleAsync(putting, sender, either.Token);
            await putting;
            // Where nothing gave an event it runs until it is interrupted: whatever code puts there is printed.
            if (!options.Random && options.Input is null && sender.Sent == 0)
            {
                host.Say($"{(IsFedByPipe ? "standard input ended without a line" : "nothing to send")}: printing what else arrives, until Ctrl-C. To send, use --random, --input FILE, or a pipe.");
                await Task.Delay(Timeout.InfiniteTimeSpan, host.Time, either.Token);
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            // Interrupted, out of time, or nobody reads any more: all the same from here.
        }
        catch (InputException e)
        {
            _badInput = e.Message;
        }
    }

    // Somebody whose shell or service manager left the pipe open should not wait without knowing for what.
    private async Task SayIfIdleAsync(Task putting, Sender sender, CancellationToken cancellationToken)
    {
        await Task.WhenAny(putting, Task.Delay(s_idle, host.Time, cancellationToken));
        if (!putting.IsCompleted && !cancellationToken.IsCancellationRequested && sender.Sent == 0)
            host.Say("waiting for lines on standard input, until its end or Ctrl-C.");
    }

    private async Task PutRandomAsync(Sender sender, CancellationToken cancellationToken)
    {
        // The seed that nobody chose only has to differ from run to run.
        var source = new RandomSource(new Random(options.Seed ?? HashCode.Combine(Environment.ProcessId, host.Time.GetTimestamp())), host.Time, options.Size);
        var pace = new Pace(options.Rate ?? 1, host.Time);
        var body = new ArrayBufferWriter<byte>(256);
        while (!sender.IsDone)
        {
            await pace.WaitAsync(cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            body.ResetWrittenCount();
            source.Write(body);
            if (!await sender.PutAsync(body.WrittenMemory, isJson: true, cancellationToken))
                return;
        }
    }

    private async Task PutLinesAsync(Sender sender, Stream input, CancellationToken cancellationToken)
    {
        try
        {
            var lines = new LineSource(input, options.Input is null or "-" ? "standard input" : options.Input, new BusOptions().MaxEventBytes);
            var pace = new Pace(options.Rate ?? 0, host.Time);
            while (!sender.IsDone && await lines.ReadAsync(cancellationToken) is { } line)
            {
                await pace.WaitAsync(cancellationToken);
                cancellationToken.ThrowIfCancellationRequested();
                if (!await sender.PutAsync(line, isJson: false, cancellationToken))
                    return;
            }
        }
        catch (InputException)
        {
            await _end.CancelAsync();
            throw;
        }
    }

    /// <summary>Queues that the acct file names have no other reader here; unread they would fill up and look like trouble.</summary>
    private async Task EmptyOtherQueuesAsync(EventBus bus)
    {
        if (!bus.Lanes.Ids.Any(id => id.StartsWith("internal/", StringComparison.Ordinal) && id != $"internal/{Queue}"))
            return;
        var emptied = new Dictionary<string, Task>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50), host.Time);
        do
        {
            foreach (var key in bus.Queues.RoutingKeys.Where(key => key != Queue && !emptied.ContainsKey(key)))
                emptied[key] = EmptyAsync(bus.Queues, key);
        }
        while (bus.GetStatus().State != BusState.Stopped && await timer.WaitForNextTickAsync());
        await Task.WhenAll(emptied.Values);
    }

    private static async Task EmptyAsync(InternalQueues queues, string key)
    {
        await foreach (var _ in queues.ReadAllAsync(key))
        {
        }
    }

    // Somebody who reads slowly gets everything, unless the run was interrupted.
    private async Task PatientlyAsync(Task printing)
    {
        try
        {
            await (host.Interrupted.IsCancellationRequested ? printing.WaitAsync(options.DrainTimeout, host.Time) : printing.WaitAsync(host.Interrupted));
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // What is still unprinted was delivered to the queue, and is counted there.
        }
    }
}
