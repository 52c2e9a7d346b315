using EvBus.Tools.Acct;

namespace EvBus.Tools.Tests.Acct;

/// <summary>A folder with credentials in it, and the command run in this process.</summary>
internal sealed class AcctRun : IDisposable
{
    public const string Key = "YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=";
    public const string Plain = "pika:\n  default:\n    password: hunter2\n";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("acct-tool-");

    public AcctRun() => Write("credentials.yml", Plain);

    public string this[string name] => Path.Combine(_folder.FullName, name);

    public Dictionary<string, string> Environment { get; } = [];

    public string Input { get; set; } = "";

    public bool IsInteractive { get; set; }

    public IEnumerable<string> Files => _folder.GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal);

    public void Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(this[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public async Task<(int Code, string Out, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        var code = await AcctTool.RunAsync(args, new ToolConsole(new StringReader(Input), output, error, Environment.GetValueOrDefault, IsInteractive));
        return (code, output.ToString(), error.ToString());
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
