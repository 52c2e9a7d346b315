namespace EvBus.Hosting;

/// <summary>
/// Things to be done one after the other, each whatever became of the one before: a stop must come to its end. One that has succeeded is not done again; one that failed is, by the next run. One run at a time.
/// </summary>
internal sealed class Steps(params (string Name, Func<Task> Run)[] steps)
{
    private readonly List<(string Name, Func<Task> Run)> _left = [.. steps];

    /// <summary>Does what is left, and says what failed.</summary>
    public async Task<IReadOnlyList<(string Step, Exception Fault)>> RunAsync(Action<string, Exception> failed)
    {
        var faults = new List<(string, Exception)>();
        foreach (var step in _left.ToArray())
        {
            try
            {
                await step.Run().ConfigureAwait(false);
                _left.Remove(step);
            }
            catch (Exception e)
            {
                // Some of it is the application's own code.
                faults.Add((step.Name, e));
                failed(step.Name, e);
            }
        }
        return faults;
    }
}
