using EvBus.Acct;

namespace EvBus.Tools.Tests.Acct;

public class EditTests
{
    [Theory]
    [InlineData("fernet")]
    [InlineData("aesgcm256")]
    public async Task What_the_editor_leaves_is_encrypted_with_the_same_cipher_and_key(string cipher)
    {
        using var run = await EncryptedAsync(cipher);
        var path = run["credentials.yml." + cipher];
        Assert.Equal((0, "", ""), await run.RunAsync("edit", path, "--editor", "sed -i s/hunter2/hunter3/"));
        Assert.Equal("pika:\n  default:\n    password: hunter3\n", (await run.RunAsync("decrypt", path)).Out);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(["credentials.yml", "credentials.yml." + cipher], run.Files);
    }

    [Fact]
    public async Task The_editor_comes_from_the_environment_and_the_file_too()
    {
        using var run = await EncryptedAsync();
        run.Environment["EDITOR"] = "sed -i s/hunter2/hunter3/";
        run.Environment["ACCT_FILE"] = run["credentials.yml.fernet"];
        Assert.Equal(0, (await run.RunAsync("edit")).Code);
        Assert.Contains("hunter3", (await run.RunAsync("decrypt")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_editor_gets_a_file_that_only_its_owner_can_read_in_a_folder_that_only_he_can_enter_and_both_are_gone_afterwards()
    {
        using var run = await EncryptedAsync();
        var seen = run["seen"];
        var (code, _, _) = await run.RunAsync("edit", run["credentials.yml.fernet"], "--editor", $"sh -c 'stat -c \"%a %n\" \"$1\" \"$(dirname \"$1\")\" > {seen}; cp \"$1\" \"$1~\"' sh");
        Assert.Equal(0, code);
        var lines = File.ReadAllLines(seen).Select(line => line.Split(' ', 2)).ToList();
        Assert.Equal(["600", "700"], lines.Select(line => line[0]));
        Assert.EndsWith(".yml", lines[0][1], StringComparison.Ordinal);
        Assert.False(Directory.Exists(lines[1][1]));
    }

    [Theory]
    [InlineData("false", 1, "ended with exit code 1")]
    [InlineData("sh -c 'echo \"pika: {}\" > \"$1\"; exit 7' sh", 1, "ended with exit code 7")]
    [InlineData("/no/such/editor", 1, "ended with exit code 127")]
    [InlineData("sh -c 'kill -9 $$'", 1, "ended with exit code")]
    [InlineData("sh -c 'echo \"a: {\" > \"$1\"' sh", 2, "the edited text, line")]
    [InlineData("sh -c 'rm \"$1\"' sh", 2, "no such file")]
    [InlineData("true", 0, "is unchanged")]
    [InlineData("truncate -s 0", 2, "is empty")]
    [InlineData("sh -c 'echo \"# nothing\" > \"$1\"' sh", 2, "is empty")]
    public async Task An_editor_that_fails_or_leaves_no_yaml_changes_nothing(string editor, int expected, string reason)
    {
        using var run = await EncryptedAsync();
        var before = File.ReadAllBytes(run["credentials.yml.fernet"]);
        var workspaces = Workspaces();
        var (code, output, error) = await run.RunAsync("edit", run["credentials.yml.fernet"], "--editor", editor);
        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(reason, error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(run["credentials.yml.fernet"]));
        Assert.Empty(Workspaces().Except(workspaces));
    }

    [Fact]
    public async Task Somebody_at_a_terminal_may_edit_again_after_a_mistake()
    {
        using var run = await EncryptedAsync();
        run.IsInteractive = true;
        run.Input = "\n";
        // The first time it leaves broken text, the second time a good one.
        var (code, _, error) = await run.RunAsync("edit", run["credentials.yml.fernet"], "--editor",
            $"sh -c 'if [ -e {run["once"]} ]; then echo \"fixed: {{}}\" > \"$1\"; else touch {run["once"]}; echo \"a: {{\" > \"$1\"; fi' sh");
        Assert.Equal(0, code);
        Assert.Contains("Edit again?", error, StringComparison.Ordinal);
        Assert.Equal("fixed: {}\n", (await run.RunAsync("decrypt", run["credentials.yml.fernet"])).Out);
    }

    [Fact]
    public async Task Output_may_go_to_another_file_and_the_editor_may_get_json()
    {
        using var run = await EncryptedAsync();
        var before = File.ReadAllBytes(run["credentials.yml.fernet"]);
        var (code, _, _) = await run.RunAsync("edit", run["credentials.yml.fernet"], "--output", "json", "--output-file", run["new.fernet"], "--editor", "sed -i s/hunter2/1e3/");
        Assert.Equal(0, code);
        Assert.Equal(before, File.ReadAllBytes(run["credentials.yml.fernet"]));
        using var key = AcctKey.Parse(AcctRun.Key);
        Assert.Equal("1e3", AcctFile.Load(run["new.fernet"], key).GetProfiles()[0].GetString("password"));
    }

    [Theory]
    [InlineData("a: {p: {x: !!binary AP8=}}")]
    [InlineData("a: {p: {x: .inf}}")]
    [InlineData("a: {p: {x: 1.0}}")]
    public async Task What_JSON_cannot_hold_is_not_edited_as_JSON(string yaml)
    {
        using var run = await EncryptedAsync();
        run.Write("odd.yml", yaml);
        Assert.Equal(0, (await run.RunAsync("encrypt", run["odd.yml"])).Code);
        var before = File.ReadAllBytes(run["odd.yml.fernet"]);
        var (code, _, error) = await run.RunAsync("edit", run["odd.yml.fernet"], "--output", "json", "--editor", "sed -i s/p/q/");
        Assert.Equal(2, code);
        Assert.Contains("Leave out --output json", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(run["odd.yml.fernet"]));
        Assert.Equal(0, (await run.RunAsync("edit", run["odd.yml.fernet"], "--editor", "sed -i s/p/q/")).Code);
    }

    [Fact]
    public async Task Credentials_that_are_no_map_any_more_are_warned_about()
    {
        using var run = await EncryptedAsync();
        var (code, _, error) = await run.RunAsync("edit", run["credentials.yml.fernet"], "--editor", "sh -c 'echo hello > \"$1\"' sh");
        Assert.Equal(0, code);
        Assert.Contains("is not a map of providers", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_editor_does_not_inherit_the_key()
    {
        using var run = await EncryptedAsync();
        await run.RunAsync("edit", run["credentials.yml.fernet"], "--editor", $"sh -c 'env > {run["env"]}' sh");
        Assert.DoesNotContain(AcctRun.Key, File.ReadAllText(run["env"]), StringComparison.Ordinal);
    }

    private static async Task<AcctRun> EncryptedAsync(string cipher = "fernet")
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("The editors of these tests are shell commands.");
        var run = new AcctRun();
        run.Environment["ACCT_KEY"] = AcctRun.Key;
        Assert.Equal(0, (await run.RunAsync("encrypt", run["credentials.yml"], "--crypto-plugin", cipher)).Code);
        return run;
    }

    private static IReadOnlyList<string> Workspaces() =>
        [.. ((string[])["/dev/shm", Path.GetTempPath()]).Where(Directory.Exists).SelectMany(folder => Directory.GetDirectories(folder, "acct-*"))
            .Where(folder => !folder.Contains("acct-tool-", StringComparison.Ordinal))];
}
