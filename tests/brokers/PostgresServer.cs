using System.Diagnostics;
using System.Globalization;

namespace EvBus.Brokers;

/// <summary>
/// A PostgreSQL for tests and benchmarks: the Debian package's programs on a port and a data folder of its own, over TCP of 127.0.0.1. It ends with the run, however that ends. As root its
/// programs run as the package's user <c>postgres</c>, for they refuse root.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    public const string Login = "evbus", Password = "s3cret-of-evbus", Database = "evbus";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly string _programs;
    private readonly string _folder;
    private Process? _process;
    private int _pid;

    private PostgresServer(string programs, string folder, int port) => (_programs, _folder, Port) = (programs, folder, port);

    public static string Host => "127.0.0.1";

    public int Port { get; }

    /// <summary>Where its data and its log are; kept when <see cref="KeepLogs"/> is set.</summary>
    public string Folder => _folder;

    public bool KeepLogs { get; set; }

    /// <summary>A new one; null where the package is not installed.</summary>
    /// <param name="settings">Lines for <c>postgresql.conf</c>, given the data folder; files may be put there.</param>
    public static async Task<PostgresServer?> FindAsync(Func<string, IEnumerable<string>>? settings = null) => Programs() is { } programs ? await StartAsync(programs, settings) : null;

    /// <summary>Runs SQL with psql, as the superuser over the local socket; a client that knows nothing of EvBus. Returns rows with | between columns.</summary>
    public async Task<string> QueryAsync(string sql, string database = Database) =>
        (await RunAsync("psql", ["-h", _folder, "-p", Text(Port), "-U", "postgres", "-d", database, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])).TrimEnd('\n');

    /// <summary>Asks until the answer is the one that is waited for.</summary>
    public async Task UntilAsync(string sql, string wanted)
    {
        var clock = Stopwatch.StartNew();
        while (await QueryAsync(sql) is var found && found != wanted)
        {
            if (clock.Elapsed > s_patience)
                throw new InvalidOperationException($"It did not become {wanted}, it is {found}: {sql}");
        }
    }

    /// <summary>SIGSTOP for every process of it: connections are held and nothing is answered.</summary>
    public void Suspend() => SignalAll("STOP");

    /// <summary>SIGCONT.</summary>
    public void Continue() => SignalAll("CONT");

    /// <summary>SIGKILL for every process of it, as a power loss would be; <see cref="UpAsync"/> starts it again on the same data.</summary>
    public Task DownAsync()
    {
        SignalAll("KILL");
        return EndAsync();
    }

    /// <summary>Starts it and waits until it takes connections.</summary>
    public async Task UpAsync()
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = _folder, RedirectStandardInput = true };
        // Its output goes to a file, for a pipe that nobody reads would stop it; and it ends with us, however we end. SIGQUIT is its immediate shutdown, children and all.
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{AsPostgres()}{_programs}/postgres -D {_folder}/data >>{_folder}/log 2>&1 </dev/null & pid=$!; cat >/dev/null; kill -QUIT $pid 2>/dev/null; wait");
        File.Delete($"{_folder}/data/postmaster.pid");
        _process = Process.Start(start)!;
        var clock = Stopwatch.StartNew();
        while (!await IsReadyAsync())
        {
            if (_process.HasExited || clock.Elapsed > s_patience)
                throw new InvalidOperationException($"PostgreSQL did not start; its log is in {_folder}.");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
        _pid = int.Parse((await File.ReadAllLinesAsync($"{_folder}/data/postmaster.pid"))[0], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            Continue();
            await EndAsync();
        }
        if (!KeepLogs)
            Directory.Delete(_folder, recursive: true);
    }

    private async Task EndAsync()
    {
        _process!.StandardInput.Close();
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        _process.Dispose();
        _process = null;
    }

    // Debian keeps each version in a folder of its own, off the PATH.
    private static string? Programs()
    {
        var debian = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql") : [];
        return debian.OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0).Select(folder => $"{folder}/bin")
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(folder => File.Exists($"{folder}/initdb") && File.Exists($"{folder}/postgres"));
    }

    private static async Task<PostgresServer> StartAsync(string programs, Func<string, IEnumerable<string>>? settings)
    {
        var server = new PostgresServer(programs, Directory.CreateTempSubdirectory("evbus-postgres-").FullName, Ports.Take());
        try
        {
            await File.WriteAllTextAsync($"{server._folder}/log", "");
            await File.WriteAllTextAsync($"{server._folder}/superuser", "superuser-of-a-test");
            if (Environment.IsPrivilegedProcess)
                await server.ShellAsync($"chown -R postgres {server._folder}");
            await server.RunAsync("initdb", ["-D", $"{server._folder}/data", "-U", "postgres", "-A", "scram-sha-256", "--auth-local=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", $"--pwfile={server._folder}/superuser"]);
            await File.AppendAllLinesAsync(
                $"{server._folder}/data/postgresql.conf",
                [
                    $"listen_addresses = '{Host}, 127.0.0.2'",
                    $"port = {Text(server.Port)}",
                    $"unix_socket_directories = '{server._folder}'",
                    "max_connections = 50",
                    "shared_buffers = 64MB",
                    .. settings?.Invoke($"{server._folder}/data") ?? [],
                ]);
            if (Environment.IsPrivilegedProcess)
                await server.ShellAsync($"chown -R postgres {server._folder}");
            await server.UpAsync();
            await server.QueryAsync($"CREATE ROLE {Login} LOGIN PASSWORD '{Password}'", "postgres");
            await server.QueryAsync($"CREATE DATABASE {Database} OWNER {Login}", "postgres");
            return server;
        }
        catch
        {
            server.KeepLogs = true;
            await server.DisposeAsync();
            throw;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string AsPostgres() => Environment.IsPrivilegedProcess ? "exec setpriv --reuid=postgres --regid=postgres --clear-groups -- " : "exec ";

    private async Task<bool> IsReadyAsync()
    {
        using var process = Process.Start(new ProcessStartInfo($"{_programs}/pg_isready", ["-q", "-h", Host, "-p", Text(Port)]))!;
        await process.WaitForExitAsync().WaitAsync(s_patience);
        return process.ExitCode == 0;
    }

    // The postmaster first, so that it starts nobody anew; its children have sessions of their own.
    private void SignalAll(string name)
    {
        var children = Array.FindAll(
            Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(pid => int.TryParse(pid, CultureInfo.InvariantCulture, out _)).ToArray(), pid => ParentOf(pid!) == _pid);
        using var kill = Process.Start("/bin/kill", [$"-{name}", Text(_pid), .. children!]);
        kill.WaitForExit();
    }

    private static int ParentOf(string pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // Gone meanwhile.
            return 0;
        }
    }

    private async Task<string> RunAsync(string program, IEnumerable<string> arguments)
    {
        var path = File.Exists($"{_programs}/{program}") ? $"{_programs}/{program}" : program;
        var quoted = string.Join(' ', arguments.Select(each => $"'{each.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        return await ShellAsync($"{AsPostgres()}{path} {quoted}");
    }

    private async Task<string> ShellAsync(string command)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder };
        start.Environment["LC_ALL"] = "C.UTF-8";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var texts = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(s_patience);
        await process.WaitForExitAsync().WaitAsync(s_patience);
        return process.ExitCode == 0 ? texts[0] : throw new InvalidOperationException($"{command}: {texts[0]}{texts[1]}");
    }
}
