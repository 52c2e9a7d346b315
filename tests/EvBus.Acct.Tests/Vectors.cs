using System.Text.Json;

namespace EvBus.Acct.Tests;

/// <summary>What the Python programs printed.</summary>
internal static class Vectors
{
    public const string Readme = "YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=";

    public static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "vectors", name);

    public static byte[] Bytes(string name) => File.ReadAllBytes(PathOf(name));

    public static JsonElement Json(string name) => JsonDocument.Parse(Bytes(name)).RootElement;

    public static JsonElement Acct(string name) => Json("acct/manifest.json").EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);
}

/// <summary>A folder of one test, gone after it.</summary>
internal sealed class Folder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("evbus-acct-");

    public string this[string name] => System.IO.Path.Combine(_folder.FullName, name);

    public string FullPath => _folder.FullName;

    public string Write(string name, string text, string mode = "600") => Write(name, System.Text.Encoding.UTF8.GetBytes(text), mode);

    public string Write(string name, byte[] bytes, string mode = "600")
    {
        var path = this[name];
        File.WriteAllBytes(path, bytes);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32(mode, 8));
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>Keeps what was logged.</summary>
internal sealed class LogLines : Microsoft.Extensions.Logging.ILogger
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

    public void Log<TState>(Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
            _lines.Add($"{logLevel}: {formatter(state, exception)}");
    }
}
