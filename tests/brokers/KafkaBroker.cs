using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace EvBus.Brokers;

/// <summary>A real Apache Kafka (KRaft, one node) as a child process: on ports of its own, 127.0.0.1 only, with a data folder of its own. It ends with the process that started it.</summary>
internal sealed class KafkaBroker : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    private readonly string _jars;
    private readonly bool _isQuickToStart;
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-kafka-").FullName;
    private readonly int _controllerPort = Ports.Take();
    private readonly int _linePort;
    private readonly int _advertisedLinePort;
    private Process? _keeper;
    private int _pid;

    private KafkaBroker(string jars, Settings settings)
    {
        _jars = jars;
        _isQuickToStart = settings.IsQuickToStart;
        Port = Ports.Take();
        SaslPort = Ports.Take();
        TlsPort = Ports.Take();
        _linePort = Ports.Take();
        _advertisedLinePort = settings.Line?.Invoke(_linePort) ?? 0;
        File.WriteAllText(Config, Configuration(settings));
    }

    public int Port { get; }

    public int SaslPort { get; }

    public int TlsPort { get; }

    public string Address => $"127.0.0.1:{Port}";

    /// <summary>By name, as a certificate has it.</summary>
    public string TlsAddress => $"localhost:{TlsPort}";

    public string SaslAddress => $"127.0.0.1:{SaslPort}";

    private string Config => Path.Combine(_folder, "server.properties");

    private string ServerLog => Path.Combine(_folder, "server.log");

    /// <param name="settings">What differs from the usual.</param>
    public static async Task<KafkaBroker> StartAsync(Settings? settings = null)
    {
        var broker = new KafkaBroker(KafkaHome.Jars ?? throw new InvalidOperationException(KafkaHome.None), settings ?? new Settings());
        try
        {
            await broker.FormatAsync();
            await broker.StartAgainAsync();
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again on its ports, with what it had stored.</summary>
    public async Task StartAgainAsync()
    {
        await KillAsync();
        var start = new ProcessStartInfo("bash") { RedirectStandardInput = true, RedirectStandardOutput = true };
        // Whatever becomes of the tests, the pipe closes with them, and the broker goes.
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec 2>/dev/null; log=$1; shift; java \"$@\" </dev/null >>\"$log\" 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait");
        foreach (var argument in new[] { "kafka", ServerLog }.Concat(Java("kafka.Kafka", _isQuickToStart, Config)))
            start.ArgumentList.Add(argument);
        _keeper = Process.Start(start)!;
        _pid = int.Parse((await _keeper.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        var began = TimeProvider.System.GetTimestamp();
        while (!await AnswersAsync(Port))
        {
            if (HasEnded() || TimeProvider.System.GetElapsedTime(began) > s_patience)
                throw new InvalidOperationException($"Kafka did not start; its log ends with:\n{Tail()}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    /// <summary>kill -9; what it had stored stays.</summary>
    public async Task KillAsync()
    {
        if (_keeper is null)
            return;
        _keeper.StandardInput.Close();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        _keeper = null;
    }

    /// <summary>An orderly end, as an operator's restart begins with.</summary>
    public async Task StopAsync()
    {
        Signal("TERM");
        var began = TimeProvider.System.GetTimestamp();
        while (!HasEnded() && TimeProvider.System.GetElapsedTime(began) < s_patience)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        await KillAsync();
    }

    public void Pause() => Signal("STOP");

    public void Resume() => Signal("CONT");

    /// <summary>Gives a user of SCRAM a password.</summary>
    public Task SetPasswordAsync(string user, string mechanism, string password) => RunToolAsync(
        "kafka.admin.ConfigCommand", "--bootstrap-server", Address, "--alter", "--entity-type", "users", "--entity-name", user,
        "--add-config", $"{mechanism}=[password={password}]");

    /// <summary>Starts it again with another text in its configuration, such as a user's password.</summary>
    public async Task StartAgainAsync(string with, string insteadOf)
    {
        await StopAsync();
        var text = await File.ReadAllTextAsync(Config);
        await File.WriteAllTextAsync(Config, text.Replace(insteadOf, with, StringComparison.Ordinal));
        await StartAgainAsync();
    }

    public string Tail() => File.Exists(ServerLog) ? string.Join('\n', File.ReadLines(ServerLog).TakeLast(15)) : "(none)";

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (Environment.GetEnvironmentVariable("EVBUS_KEEP_BROKER_LOGS") is null)
            Directory.Delete(_folder, recursive: true);
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private bool HasEnded()
    {
        try
        {
            using var process = Process.GetProcessById(_pid);
            return process.HasExited || File.ReadAllText($"/proc/{_pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            return true;
        }
    }

    private void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", _pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private IEnumerable<string> Java(string program, bool isQuickToStart, params string[] arguments)
    {
        var logging = Path.Combine(_folder, "log4j2.properties");
        if (!File.Exists(logging))
            File.WriteAllText(logging, "status=error\nrootLogger.level=warn\nrootLogger.appenderRef.console.ref=console\nappender.console.type=Console\nappender.console.name=console\nappender.console.layout.type=PatternLayout\nappender.console.layout.pattern=%d{ABSOLUTE} %p %c{1} %m%n\n");
        return [.. isQuickToStart ? ["-XX:TieredStopAtLevel=1"] : Array.Empty<string>(), "-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", $"-Dlog4j2.configurationFile={logging}", "-cp", Path.Combine(_jars, "*"), program, .. arguments];
    }

    private async Task RunToolAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("java", Java(program, isQuickToStart: true, arguments)) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var tool = Process.Start(start)!;
        var errors = tool.StandardError.ReadToEndAsync();
        var output = await tool.StandardOutput.ReadToEndAsync();
        await tool.WaitForExitAsync();
        if (tool.ExitCode != 0)
            throw new InvalidOperationException($"{program} failed:\n{output}{await errors}");
    }

    private async Task FormatAsync()
    {
        var id = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Port:0000000000000000}")).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        await RunToolAsync("kafka.tools.StorageTool", "format", "-t", id, "-c", Config);
    }

    private string Configuration(Settings settings)
    {
        var sasl = settings.PlainUsers.Count > 0;
        var plain = string.Concat(settings.PlainUsers.Select(user => $" user_{user.Key}=\"{user.Value}\""));
        var tls = settings.ServerPem is not null;
        var more = (sasl ? $",SASL_PLAINTEXT://127.0.0.1:{SaslPort}" : "") + (tls ? $",SSL://127.0.0.1:{TlsPort}" : "");
        var line = settings.Line is not null;
        return $"""
            process.roles=broker,controller
            node.id=1
            controller.quorum.voters=1@127.0.0.1:{_controllerPort}
            listeners=PLAINTEXT://127.0.0.1:{Port},CONTROLLER://127.0.0.1:{_controllerPort}{more}{(line ? $",LINE://127.0.0.1:{_linePort}" : "")}
            advertised.listeners=PLAINTEXT://127.0.0.1:{Port}{more.Replace("SSL://127.0.0.1", "SSL://localhost", StringComparison.Ordinal)}{(line ? $",LINE://127.0.0.1:{_advertisedLinePort}" : "")}
            listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,LINE:PLAINTEXT
            {(tls ? $"ssl.keystore.type=PEM\nssl.keystore.location={settings.ServerPem}\nssl.truststore.type=PEM\nssl.truststore.location={settings.CaPem}\nssl.client.auth=required" : "")}
            controller.listener.names=CONTROLLER
            {(sasl ? "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" : "")}
            {(sasl ? $"listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required{plain};" : "")}
            {(sasl ? "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;" : "")}
            {(sasl ? "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;" : "")}
            log.dirs={_folder}/log
            auto.create.topics.enable=false
            num.partitions=1
            offsets.topic.replication.factor=1
            offsets.topic.num.partitions=1
            transaction.state.log.replication.factor=1
            transaction.state.log.num.partitions=1
            transaction.state.log.min.isr=1
            share.coordinator.state.topic.replication.factor=1
            share.coordinator.state.topic.min.isr=1
            share.coordinator.state.topic.num.partitions=1
            group.initial.rebalance.delay.ms=0
            broker.session.timeout.ms=3000
            broker.heartbeat.interval.ms=500
            controlled.shutdown.enable=false
            {settings.More}

            """;
    }

    internal sealed record Settings
    {
        /// <summary>Who may log in by PLAIN; with one of them there is a listener with SASL, for SCRAM too (<see cref="SetPasswordAsync"/>).</summary>
        public IReadOnlyDictionary<string, string> PlainUsers { get; init; } = new Dictionary<string, string>();

        /// <summary>The broker's key and certificate, as one PEM file; with it there is a listener with TLS that wants a client certificate.</summary>
        public string? ServerPem { get; init; }

        /// <summary>The authority that client certificates must be of, as a PEM file.</summary>
        public string? CaPem { get; init; }

        /// <summary>Given the port of one more listener, the port that clients are told to come to instead: that of a line between, which a test can spoil.</summary>
        public Func<int, int>? Line { get; init; }

        /// <summary>Compiles less, which starts a test sooner and slows a benchmark down.</summary>
        public bool IsQuickToStart { get; init; }

        /// <summary>Further lines of the broker's configuration.</summary>
        public string More { get; init; } = "";
    }
}
