using System.Globalization;

namespace EvBus.Acct.Tests;

public class AcctKeySourceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_key_comes_from_a_value_a_file_or_a_command()
    {
        using var folder = new Folder();
        var file = folder.Write("k", Vectors.Readme + "\n");
        foreach (var options in (AcctOptions[])[new() { Key = Vectors.Readme }, new() { KeyFile = file }, new() { KeyCommand = $"cat {file}" }])
        {
            using var key = await AcctKeySource.ResolveAsync(options, null, Stop);
            Assert.Equal(Vectors.Readme, key!.Reveal());
        }
        Assert.Null(await AcctKeySource.ResolveAsync(new AcctOptions(), null, Stop));
    }

    [Fact]
    public async Task A_command_that_fails_shows_what_it_said_but_never_the_key()
    {
        var error = await Fails(new AcctOptions { KeyCommand = $"echo {Vectors.Readme}; echo no store, {Vectors.Readme} >&2; exit 3" });
        Assert.Contains("exit code 3", error.Message, StringComparison.Ordinal);
        Assert.Contains("no store, ***", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Vectors.Readme, error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("echo the key is {0} >&2", "the key is ***")]
    [InlineData("echo the key is {1}: no padding >&2", "the key is ***: no padding")]
    [InlineData("head -c 480 /dev/zero | tr '\\0' a >&2; printf ' {0}' >&2; echo {0}", "***")]
    [InlineData("head -c 16370 /dev/zero | tr '\\0' a >&2; printf ' {0}' >&2", "aaa…")]
    [InlineData("echo {0} {0}; echo {0} >&2", "***")]
    [InlineData("echo open /mnt/users/somebody/.password-store/team/acct.gpg >&2", "open /mnt/users/somebody/.password-store/team/acct.gpg")]
    public async Task A_key_on_standard_error_is_masked_wherever_it_stands(string command, string shown)
    {
        var error = await Fails(new AcctOptions { KeyCommand = string.Format(CultureInfo.InvariantCulture, command, Vectors.Readme, Vectors.Readme.TrimEnd('=')) + "; exit 3" });
        Assert.Contains(shown, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Vectors.Readme[..12], error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_hangs_is_killed()
    {
        var error = await Fails(new AcctOptions { KeyCommand = "cat /dev/zero > /dev/null", KeyCommandTimeout = TimeSpan.FromMilliseconds(200) });
        Assert.Contains("0.2 s", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsTransient);
    }

    [Theory]
    [InlineData("true", "nothing")]
    [InlineData("cat /dev/zero", "4096 bytes")]
    [InlineData("echo hunter2", "malformed")]
    public async Task A_command_that_prints_no_key_is_refused(string command, string reason)
    {
        var error = await Fails(new AcctOptions { KeyCommand = command });
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_talks_much_on_standard_error_does_not_hang()
    {
        using var key = await AcctKeySource.ResolveAsync(new AcctOptions { KeyCommand = $"head -c 1000000 /dev/zero >&2; echo {Vectors.Readme}" }, null, Stop);
        Assert.NotNull(key);
    }

    [Fact]
    public async Task A_key_file_that_others_can_read_and_a_key_on_the_command_line_are_said_aloud()
    {
        using var folder = new Folder();
        var log = new LogLines();
        using (await AcctKeySource.ResolveAsync(new AcctOptions { KeyFile = folder.Write("k", Vectors.Readme, "644") }, log, Stop))
        using (await AcctKeySource.ResolveAsync(new AcctOptions { Key = Vectors.Readme, KeyOnCommandLine = true }, log, Stop))
        {
            Assert.Collection(
                log.Lines,
                line => Assert.Contains("acct key file", line, StringComparison.Ordinal),
                line => Assert.Contains("command line", line, StringComparison.Ordinal));
            Assert.DoesNotContain(log.Lines, line => line.Contains(Vectors.Readme, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_missing_and_a_malformed_key_file_are_named()
    {
        using var folder = new Folder();
        Assert.Contains("no such file", (await Fails(new AcctOptions { KeyFile = folder["none"] })).Message, StringComparison.Ordinal);
        var error = await Fails(new AcctOptions { KeyFile = folder.Write("bad", "hunter2") });
        Assert.Contains("bad", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    private static Task<AcctException> Fails(AcctOptions options) =>
        Assert.ThrowsAsync<AcctException>(() => AcctKeySource.ResolveAsync(options, null, Stop));
}
