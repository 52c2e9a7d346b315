using System.Text.RegularExpressions;
using EvBus.Testing;
using EvBus.Tools.Tester;

namespace EvBus.Tools.Tests.Tester;

/// <summary>Signals as shells, terminals and wrappers send them, to a process of its own.</summary>
public sealed class SignalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-signal-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_comes_within_a_second_is_the_same_signal_and_what_comes_later_is_somebody_in_a_hurry()
    {
        var clock = new FakeClock();
        var signals = new Signals(clock);
        Assert.Equal((Signals.Meaning.Drain, Signals.Meaning.Same), (signals.Take(), signals.Take()));
        clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.Equal(Signals.Meaning.Same, signals.Take());
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(Signals.Meaning.Leave, signals.Take());
    }

    [Fact]
    public async Task The_two_signals_of_coreutils_timeout_are_one_and_the_summary_is_what_arrived()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "coreutils' timeout is of Linux.");
        var profile = SlowProgram();
        var ran = await Shell.RunAsync($"timeout -s INT 4 TESTER --random --rate 100 --quiet --summary --acct-file '{profile}'", _folder);
        Assert.Equal(124, ran.Code);
        Told(ran.Error);
    }

    [Fact]
    public async Task A_terminal_that_is_closed_drains_as_SIGTERM_does()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no such signal on Windows.");
        var profile = SlowProgram();
        var ran = await Shell.RunAsync($"timeout --foreground -s HUP 4 TESTER --random --rate 100 --quiet --summary --acct-file '{profile}'", _folder);
        Assert.Equal(124, ran.Code);
        Told(ran.Error);
    }

    [Fact]
    public async Task Under_nohup_a_closed_terminal_ends_nothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no such signal on Windows.");
        var ran = await Shell.RunAsync("trap '' HUP; TESTER --random --rate 2 --count 10 --quiet --summary & sleep 2; kill -HUP $!; wait $!", _folder);
        Assert.Contains("accepted 10,", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--random --log-file fifo")]
    [InlineData("--random --receipt accepted --receipts-to fifo")]
    [InlineData("--input fifo")]
    [InlineData("--random --acct-file fifo")]
    [InlineData("connect --acct-file fifo")]
    public async Task The_first_signal_ends_a_wait_for_the_other_end_of_a_FIFO(string words)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There are no such files on Windows.");
        var ran = await Shell.RunAsync($"mkfifo fifo; timeout --foreground -k 20 -s TERM 2 TESTER {words}", _folder);
        Assert.Equal(124, ran.Code);
    }

    // Writes down what it takes, so that the file counts independently of the summary.
    private string SlowProgram()
    {
        File.WriteAllText(At("slow.sh"), $"echo credit 5\nwhile read line; do echo x >>{At("arrived")}; sleep 0.02; echo ok; done\n");
        File.WriteAllText(At("c.yml"), $"exec: {{slow: {{command: [sh, {At("slow.sh")}]}}}}\n");
        return At("c.yml");
    }

    private void Told(string error)
    {
        var told = Regex.Match(error, @"delivered ([\d,]+), dead 0, dropped 0, queued 0");
        Assert.True(told.Success, error);
        Assert.Equal(int.Parse(told.Groups[1].Value.Replace(",", "", StringComparison.Ordinal)), File.ReadAllLines(At("arrived")).Length);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
