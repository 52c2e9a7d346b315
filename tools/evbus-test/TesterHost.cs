using EvBus.Acct;

namespace EvBus.Tools.Tester;

/// <summary>What the tester touches of the world around it; tests bring their own.</summary>
internal sealed record TesterHost
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    public required Func<Stream> Input { get; init; }

    public required Stream Output { get; init; }

    public required TextWriter Error { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public bool IsInputRedirected { get; init; }

    public bool IsOutputTerminal { get; init; }

    public bool IsErrorTerminal { get; init; }

    /// <summary>Cancelled by the first Ctrl-C, SIGTERM or SIGHUP.</summary>
    public CancellationToken Interrupted { get; init; }

    /// <summary>Cancelled by a second one: the process ends as soon as its ledger is said.</summary>
    public CancellationToken Leaving { get; init; }

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>Whether colours are wanted: NO_COLOR (https://no-color.org) and a terminal that knows none say no.</summary>
    public bool WantsColour => string.IsNullOrEmpty(Environment("NO_COLOR")) && !IsDumb;

    /// <summary>Whether the terminal cannot move its cursor.</summary>
    public bool IsDumb => Environment("TERM") == "dumb";

    /// <summary>Further publishers, or another way to make the same ones.</summary>
    public Action<EvBusBuilder>? Configure { get; init; }

    /// <summary>Does what may wait for the system without end, such as opening a FIFO that nobody writes to, until the first signal.</summary>
    /// <exception cref="OperationCanceledException">A signal came first.</exception>
    public async Task<T> UntilInterruptedAsync<T>(Func<Task<T>> work)
    {
        var working = Task.Run(work, CancellationToken.None);
        try
        {
            return await working.WaitAsync(Interrupted);
        }
        catch (OperationCanceledException) when (Interrupted.IsCancellationRequested)
        {
            // What can stop does so by itself in a moment.
            if (await Task.WhenAny(working, Task.Delay(s_patience, Time, CancellationToken.None)) == working)
                return await working;
            throw;
        }
    }

    /// <summary>One line on standard error; a key in the place of a file's name is not said aloud.</summary>
    public void Say(string line) => Error.WriteLine($"evbus-test: {SecretText.Mask(string.Join(' ', line.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries)))}");
}

internal static class TesterVersion
{
    public static string Number { get; } = typeof(TesterVersion).Assembly.GetName().Version!.ToString(3);

    public static string Line => $"evbus {Number}";
}
