using EvBus.Tools.Acct;

namespace EvBus.Tools.Cli.Commands;

/// <summary>Asks before events are given up: says how many, and takes a word for it. Without a terminal only <c>--yes</c> is one.</summary>
internal sealed class Consent(ToolConsole console, bool yes, bool dryRun)
{
    /// <summary>Returns when it may be done.</summary>
    /// <param name="what">What would be done, such as <c>purge 3 dead letters</c>.</param>
    /// <exception cref="DryRunException">Only to be said, not done.</exception>
    /// <exception cref="UsageException">There is nobody to ask.</exception>
    /// <exception cref="TroubleException">The answer was no.</exception>
    public void Ask(string what)
    {
        if (dryRun)
            throw new DryRunException($"would {what}; nothing was changed");
        if (yes)
            return;
        if (!console.IsInteractive)
            throw new UsageException($"This would {what}. Say --yes to do it, --dry-run to see what it would do; 'evbus journal export' keeps events first. Nothing was changed.");
        console.Error.Write($"This will {what}. Go on? [y/N] ");
        console.Error.Flush();
        if (console.In.ReadLine()?.Trim() is not ("y" or "Y" or "yes"))
            throw new TroubleException("Nothing was changed.");
    }
}

/// <summary>What would have been done: exit code 0, and nothing was.</summary>
internal sealed class DryRunException(string message) : Exception(message);
