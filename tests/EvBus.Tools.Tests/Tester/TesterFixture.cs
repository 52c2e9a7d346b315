using System.Text;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>One run of the tester inside this process.</summary>
internal sealed record Ran(int Code, string Output, string Error)
{
    public static readonly string Rule = new string('-', 80) + "\n";

    public static Task<Ran> Of(params string[] args) => With("", args);

    public static Task<Ran> With(string input, params string[] args) => With(new MemoryStream(Encoding.UTF8.GetBytes(input)), null, args);

    public static async Task<Ran> With(Stream input, Func<TesterHost, TesterHost>? change, params string[] args)
    {
        var output = new MemoryStream();
        var error = new StringWriter();
        var host = new TesterHost { Input = () => input, Output = output, Error = error };
        var code = await TesterCommand.RunAsync(args, change?.Invoke(host) ?? host).WaitAsync(TimeSpan.FromSeconds(60));
        return new Ran(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    /// <summary>What was printed for each event.</summary>
    public string[] Events => Output.Split("\n" + Rule, StringSplitOptions.RemoveEmptyEntries);
}
