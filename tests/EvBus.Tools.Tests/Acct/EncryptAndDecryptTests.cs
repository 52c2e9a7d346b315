using EvBus.Acct;

namespace EvBus.Tools.Tests.Acct;

public class EncryptAndDecryptTests
{
    [Fact]
    public async Task The_old_form_prints_exactly_three_lines()
    {
        using var run = new AcctRun();
        var (code, output, error) = await run.RunAsync(run["credentials.yml"]);
        Assert.Equal(0, code);
        Assert.Empty(error);
        var lines = output.Split('\n');
        Assert.Equal([$"New encrypted file created at: {run["credentials.yml"]}.fernet", "The file was encrypted with this key:", lines[2], ""], lines);
        using var key = AcctKey.Parse(lines[2]);
        Assert.Equal(44, lines[2].Length);
        Assert.Equal(AcctRun.Plain, AcctFile.Load(run["credentials.yml.fernet"], key).ToYaml());
        Assert.Equal(["credentials.yml", "credentials.yml.fernet"], run.Files);
        Assert.Equal(AcctRun.Plain, File.ReadAllText(run["credentials.yml"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_old_form_with_a_key_prints_only_the_first_line(bool onCommandLine)
    {
        using var run = new AcctRun();
        if (!onCommandLine)
            run.Environment["ACCT_KEY"] = AcctRun.Key;
        var (code, output, error) = await run.RunAsync(onCommandLine ? [run["credentials.yml"], "--acct-key", AcctRun.Key] : [run["credentials.yml"]]);
        Assert.Equal(0, code);
        Assert.Equal($"New encrypted file created at: {run["credentials.yml"]}.fernet\n", output);
        Assert.Equal(onCommandLine ? 1 : 0, error.Split("command line").Length - 1);
        Assert.DoesNotContain(AcctRun.Key, error, StringComparison.Ordinal);
        using var key = AcctKey.Parse(AcctRun.Key);
        Assert.Equal(AcctRun.Plain, AcctFile.Load(run["credentials.yml.fernet"], key).ToYaml());
    }

    [Fact]
    public async Task Encrypt_prints_the_key_it_made_and_nothing_else()
    {
        using var run = new AcctRun();
        var (code, output, error) = await run.RunAsync("encrypt", run["credentials.yml"]);
        Assert.Equal((0, ""), (code, error));
        run.Environment["ACCT_KEY"] = output.TrimEnd('\n');
        Assert.Equal((0, "", ""), await run.RunAsync("encrypt", run["credentials.yml"]));
        Assert.Equal((0, AcctRun.Plain, ""), await run.RunAsync("decrypt", run["credentials.yml.fernet"]));
    }

    [Fact]
    public async Task The_second_cipher_goes_both_ways_and_is_found_by_itself()
    {
        using var run = new AcctRun();
        var (_, key, _) = await run.RunAsync("encrypt", run["credentials.yml"], "--crypto-plugin", "aesgcm256");
        run.Environment["ACCT_KEY"] = key.Trim();
        Assert.Equal(AcctRun.Plain, (await run.RunAsync("decrypt", run["credentials.yml.aesgcm256"])).Out);
        Assert.Equal(AcctRun.Plain, (await run.RunAsync("decrypt", run["credentials.yml.aesgcm256"], "--crypto-plugin=aesgcm256")).Out);
    }

    [Fact]
    public async Task Decrypt_falls_back_to_the_acct_file_and_prints_json_too()
    {
        using var run = new AcctRun();
        run.Write("key", AcctRun.Key);
        await run.RunAsync("encrypt", run["credentials.yml"], "--acct-key-file", run["key"], "--output-file", run["other"]);
        run.Environment["ACCT_FILE"] = run["other"];
        run.Environment["ACCT_KEY_FILE"] = run["key"];
        Assert.Equal((0, AcctRun.Plain, ""), await run.RunAsync("decrypt"));
        var (code, output, _) = await run.RunAsync("decrypt", "--output", "json");
        Assert.Equal((0, "{\n  \"pika\": {\n    \"default\": {\n      \"password\": \"hunter2\"\n    }\n  }\n}\n"), (code, output));
    }

    [Fact]
    public async Task What_decrypt_prints_encrypts_to_the_same_document()
    {
        using var run = new AcctRun();
        run.Environment["ACCT_KEY"] = AcctRun.Key;
        run.Write("a.yml", "z: {1: x, t: yes, multi: \"a\\nb\\n\", bin: !!binary aGVsbG8=, date: 2020-01-01}\na: [1, [2]]\n");
        await run.RunAsync("encrypt", run["a.yml"]);
        var (_, yaml, _) = await run.RunAsync("decrypt", run["a.yml.fernet"]);
        run.Write("b.yml", yaml);
        await run.RunAsync("encrypt", run["b.yml"]);
        using var key = AcctKey.Parse(AcctRun.Key);
        Assert.Equal(MessagePackCodec.Encode(AcctFile.Load(run["a.yml.fernet"], key).GetRoot()), MessagePackCodec.Encode(AcctFile.Load(run["b.yml.fernet"], key).GetRoot()));
        Assert.StartsWith("z:\n  1: x\n  t: true\n  multi: |\n    a\n    b\n", yaml, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "Did you mean 'acct encrypt'?", "encript")]
    [InlineData(2, "Did you mean 'acct decrypt'?", "decrpt", "{0}/readable.fernet")]
    [InlineData(2, "no such file", "{0}/none.yml")]
    [InlineData(2, "no such file", "encrypt", "{0}/none.yml")]
    [InlineData(2, "No file is named", "decrypt")]
    [InlineData(2, "No key is given", "decrypt", "{0}/readable.fernet")]
    [InlineData(2, "malformed", "decrypt", "{0}/readable.fernet", "--acct-key", "hunter2")]
    [InlineData(1, "wrong key", "decrypt", "{0}/readable.fernet", "--acct-key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    [InlineData(1, "damaged", "decrypt", "{0}/cut.fernet", "--acct-key", AcctRun.Key)]
    [InlineData(2, "not a token", "decrypt", "{0}/credentials.yml", "--acct-key", AcctRun.Key)]
    [InlineData(2, "encrypted already", "encrypt", "{0}/readable.fernet")]
    [InlineData(2, "line 1, column 5", "encrypt", "{0}/bad.yml")]
    [InlineData(2, "is the input itself", "encrypt", "{0}/credentials.yml", "--output-file", "{0}/credentials.yml")]
    [InlineData(2, "cannot be written", "encrypt", "{0}/credentials.yml", "--output-file", "{0}/none/x")]
    [InlineData(2, "fernet", "encrypt", "{0}/credentials.yml", "--crypto-plugin", "rot13")]
    [InlineData(2, "json", "decrypt", "{0}/readable.fernet", "--output", "nested")]
    [InlineData(2, "--help", "encrypt", "a", "b")]
    [InlineData(2, "--no-such-option", "decrypt", "--no-such-option")]
    [InlineData(2, "--acct-ky", "decrypt", "--acct-ky", AcctRun.Key)]
    [InlineData(2, "***", "encrypt", "{0}/credentials.yml", AcctRun.Key)]
    [InlineData(2, "--no-such-option", "{0}/credentials.yml", "--no-such-option")]
    [InlineData(2, "More than one source", "decrypt", "{0}/readable.fernet", "--acct-key", "a", "--acct-key-file", "b")]
    public async Task What_goes_wrong_is_one_clear_line_and_an_exit_code(int expected, string reason, params string[] args)
    {
        using var run = new AcctRun();
        using (var key = AcctKey.Parse(AcctRun.Key))
            AcctFile.Save(run["readable.fernet"], AcctDocument.ParseYaml("a: 1"u8, "test"), key);
        run.Write("cut.fernet", File.ReadAllText(run["readable.fernet"])[..^3]);
        run.Write("bad.yml", "a: b: hunter2\n");
        var before = run.Files.ToList();

        var (code, output, error) = await run.RunAsync([.. args.Select(arg => arg.Replace("{0}", Path.GetDirectoryName(run["x"]), StringComparison.Ordinal))]);

        Assert.Equal((expected, ""), (code, output));
        var line = Assert.Single(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.StartsWith("warning: ", StringComparison.Ordinal));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
        Assert.DoesNotContain(AcctRun.Key, error, StringComparison.Ordinal);
        Assert.Equal(before, run.Files);
    }

    [Fact]
    public async Task The_command_alone_prints_its_help_and_has_done_nothing()
    {
        using var run = new AcctRun();
        var (code, output, error) = await run.RunAsync();
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("acct encrypt credentials.yml", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_that_is_wrong_with_the_words_is_said_at_once()
    {
        using var run = new AcctRun();
        var (code, _, error) = await run.RunAsync("decrypt", "f", "--output", "nested", "surplus");
        Assert.Equal(2, code);
        Assert.Contains("nested", error, StringComparison.Ordinal);
        Assert.Contains("surplus", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_version_and_completion_are_there()
    {
        using var run = new AcctRun();
        var (code, help, _) = await run.RunAsync("--help");
        Assert.Equal(0, code);
        foreach (var word in (string[])["encrypt", "decrypt", "edit", "--acct-key", "--acct-file", "--acct-key-file", "--acct-key-command", "--crypto-plugin", "ACCT_KEY"])
            Assert.Contains(word, help, StringComparison.Ordinal);
        Assert.Contains("--editor", (await run.RunAsync("edit", "--help")).Out, StringComparison.Ordinal);
        Assert.Contains("--output-file", (await run.RunAsync("encrypt", "-h")).Out, StringComparison.Ordinal);
        Assert.Matches(@"^acct \d+\.\d+\.\d+\S*\n$", (await run.RunAsync("--version")).Out);
        Assert.Contains("decrypt", (await run.RunAsync("[suggest:2]", "de")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_a_child_process_it_reads_its_key_from_the_environment_and_returns_its_exit_code()
    {
        using var run = new AcctRun();
        run.Environment["ACCT_KEY"] = AcctRun.Key;
        await run.RunAsync("encrypt", run["credentials.yml"]);
        foreach (var (key, expected) in ((string, int)[])[(AcctRun.Key, 0), ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1), ("", 2)])
        {
            var start = new System.Diagnostics.ProcessStartInfo("dotnet")
            {
                ArgumentList = { Path.Combine(AppContext.BaseDirectory, "acct.dll"), "decrypt", run["credentials.yml.fernet"] },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["ACCT_KEY"] = key;
            using var child = System.Diagnostics.Process.Start(start)!;
            var error = child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var output = await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await child.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal((expected, expected == 0 ? AcctRun.Plain : ""), (child.ExitCode, output));
            Assert.Equal(expected == 0, (await error).Length == 0);
        }
    }
}
