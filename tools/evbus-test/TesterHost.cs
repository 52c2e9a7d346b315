using EvBus.Acct;

namespace EvBus.Tools.Tester;

/// <summary>What the tester touches of the world around it; tests bring their own.</summary>
internal sealed record TesterHost
{
    public required Func<Stream> Input { get; init; }

    public required Stream Output { get; init; }

    public required TextWriter Error { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public bool IsInputRedirected { get; init; }

    public bool IsOutputTerminal { get; init; }

    public bool IsErrorTerminal { get; init; }

    /// <summary>Cancelled by the first Ctrl-C or SIGTERM.</summary>
    public CancellationToken Interrupted { get; init; }

    /// <summary>Further publishers, or another way to make the same ones.</summary>
    public Action<EvBusBuilder>? Configure { get; init; }

    /// <summary>One line on standard error; a key in the place of a file's name is not said aloud.</summary>
    public void Say(string line) => Error.WriteLine($"evbus-test: {SecretText.Mask(string.Join(' ', line.Split((char[])['\r', '\n'], StringSplitOptions.RemoveEmptyEntries)))}");
}

internal static class TesterVersion
{
    public static string Number { get; } = typeof(TesterVersion).Assembly.GetName().Version!.ToString(3);

    public static string Line => $"evbus {Number}";
}
