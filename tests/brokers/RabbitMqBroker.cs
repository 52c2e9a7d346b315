using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace EvBus.Brokers;

/// <summary>
/// A RabbitMQ for tests and benchmarks: one started here as a child process with ports, a node name and a data folder of its own, or one that
/// runs already. What only its owner may do to a broker (stop, restart, raise an alarm) works with the first kind alone.
/// </summary>
public sealed class RabbitMqBroker : IAsyncDisposable
{
    private const string Programs = "/usr/lib/rabbitmq/bin";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    private readonly string _folder;
    private readonly Dictionary<string, string> _environment = [];
    private Process? _process;
    private int _pid;

    private RabbitMqBroker(string folder) => _folder = folder;

    public string Host { get; private init; } = "127.0.0.1";

    public int Port { get; private init; }

    public int TlsPort { get; private init; }

    public string Login { get; private init; } = "guest";

    public string Password { get; private init; } = "guest";

    public string Url => $"amqp://{Uri.EscapeDataString(Login)}:{Uri.EscapeDataString(Password)}@{Host}:{Port}/%2F";

    /// <summary>Whether it was started here.</summary>
    public bool IsOurs => _folder.Length > 0;

    /// <summary>Where its logs are; kept when <see cref="KeepLogs"/> is set.</summary>
    public string Folder => _folder;

    public bool KeepLogs { get; set; }

    /// <summary>
    /// The broker <c>EVBUS_TEST_AMQP</c> names, else a new one from the installed package, else one that answers guest at port 5672; null when there is none of these.
    /// </summary>
    /// <param name="settings">Lines for <c>rabbitmq.conf</c>, given the folder; files may be put there.</param>
    /// <param name="plugins">Plugins of the broker to enable.</param>
    public static async Task<RabbitMqBroker?> FindAsync(Func<string, int, IEnumerable<string>>? settings = null, params string[] plugins)
    {
        if (Environment.GetEnvironmentVariable("EVBUS_TEST_AMQP") is { Length: > 0 } named)
        {
            var uri = new Uri(named);
            var user = uri.UserInfo.Split(':', 2);
            return new RabbitMqBroker("")
            {
                Host = uri.Host,
                Port = uri.Port > 0 ? uri.Port : 5672,
                Login = user[0].Length > 0 ? Uri.UnescapeDataString(user[0]) : "guest",
                Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : "guest",
            };
        }
        if (File.Exists($"{Programs}/rabbitmq-server"))
            return await StartAsync(settings, plugins);
        return await AnswersAsync(5672) ? new RabbitMqBroker("") { Port = 5672 } : null;
    }

    /// <summary>Starts one of our own.</summary>
    public static async Task<RabbitMqBroker> StartAsync(Func<string, int, IEnumerable<string>>? settings = null, params string[] plugins)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-rabbitmq-").FullName;
        int[] ports = [Ports.Take(), Ports.Take(), Ports.Take(), Ports.Take()];
        var broker = new RabbitMqBroker(folder) { Port = ports[0], TlsPort = ports[1] };
        await File.WriteAllLinesAsync(
            $"{folder}/rabbitmq.conf",
            [
                $"listeners.tcp.1 = 127.0.0.1:{ports[0]}",
                "log.console = false",
                // The machine's disk is not what is tested.
                "disk_free_limit.absolute = 10MB",
                .. settings?.Invoke(folder, ports[1]) ?? [],
            ]);
        await File.WriteAllTextAsync($"{folder}/enabled_plugins", $"[{string.Join(',', plugins)}].");
        var set = broker._environment;
        set["HOME"] = folder;
        set["RABBITMQ_NODENAME"] = $"evbus{ports[0].ToString(CultureInfo.InvariantCulture)}@localhost";
        set["RABBITMQ_MNESIA_BASE"] = $"{folder}/data";
        set["RABBITMQ_LOG_BASE"] = $"{folder}/log";
        set["RABBITMQ_CONFIG_FILE"] = $"{folder}/rabbitmq.conf";
        set["RABBITMQ_CONF_ENV_FILE"] = $"{folder}/none";
        set["RABBITMQ_ENABLED_PLUGINS_FILE"] = $"{folder}/enabled_plugins";
        set["RABBITMQ_PID_FILE"] = $"{folder}/pid";
        set["RABBITMQ_DIST_PORT"] = ports[2].ToString(CultureInfo.InvariantCulture);
        set["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}";
        set["ERL_EPMD_ADDRESS"] = "127.0.0.1";
        set["ERL_EPMD_PORT"] = ports[3].ToString(CultureInfo.InvariantCulture);
        set["LC_ALL"] = "C.UTF-8";
        try
        {
            await broker.UpAsync();
            return broker;
        }
        catch
        {
            broker.KeepLogs = true;
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs <c>rabbitmqctl</c> and returns what it printed.</summary>
    public async Task<string> ControlAsync(params string[] arguments)
    {
        MustBeOurs();
        var (code, text) = await RunAsync($"{Programs}/rabbitmqctl", ["--quiet", .. arguments]);
        return code == 0 ? text : throw new InvalidOperationException($"rabbitmqctl {string.Join(' ', arguments)}: {text}");
    }

    /// <summary>SIGSTOP: it holds its connections and answers nothing.</summary>
    public void Suspend() => Signal("STOP");

    /// <summary>SIGCONT.</summary>
    public void Continue() => Signal("CONT");

    /// <summary>SIGKILL, as a power loss would be; <see cref="UpAsync"/> starts it again on the same data.</summary>
    public async Task DownAsync(string signal = "KILL")
    {
        Signal(signal);
        _process!.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts it and waits until it takes connections.</summary>
    public async Task UpAsync()
    {
        MustBeOurs();
        File.Delete($"{_folder}/pid");
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = _folder, RedirectStandardInput = true };
        // Its output goes to a file, for a pipe that nobody reads would stop it; and it ends with us, however we end.
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{Programs}/rabbitmq-server >>output 2>&1 </dev/null & cat >/dev/null; kill -KILL $(cat pid 2>/dev/null) 2>/dev/null; wait");
        foreach (var (name, value) in _environment)
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        var clock = Stopwatch.StartNew();
        // The pid file appears after the listener answers.
        while (!File.Exists($"{_folder}/pid") || !int.TryParse(await File.ReadAllTextAsync($"{_folder}/pid"), CultureInfo.InvariantCulture, out _pid) || !await AnswersAsync(Port))
        {
            if (_process.HasExited || clock.Elapsed > s_patience)
                throw new InvalidOperationException($"RabbitMQ did not start; its output and its logs are in {_folder}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!IsOurs)
            return;
        if (_process is { HasExited: false })
        {
            Continue();
            // Nothing in it is worth a tidy end.
            await DownAsync();
        }
        await RunAsync("/usr/bin/epmd", ["-kill"]);
        if (!KeepLogs)
            Directory.Delete(_folder, recursive: true);
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(TimeSpan.FromSeconds(1));
            return true;
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return false;
        }
    }

    private void MustBeOurs()
    {
        if (!IsOurs)
            throw new InvalidOperationException("This broker was not started here, so it is not ours to command.");
    }

    private void Signal(string name)
    {
        MustBeOurs();
        using var kill = Process.Start("/bin/kill", [$"-{name}", _pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private async Task<(int Code, string Text)> RunAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
        foreach (var (name, value) in _environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var texts = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(s_patience);
        await process.WaitForExitAsync().WaitAsync(s_patience);
        return (process.ExitCode, string.Concat(texts));
    }
}
