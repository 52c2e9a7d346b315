using EvBus.Acct;
using EvBus.Tools.Tests.Acct;
using EvBus.Tools.Tests.Tester;

namespace EvBus.Tools.Tests;

/// <summary>
/// A key typed in the wrong place. Hidden is what stands behind <c>=</c> or <c>:</c>, what is glued to an option of the key, every word that is not all lower case or a
/// short number, and whatever looks like a key wherever it turns up. Not hidden is a secret of lower-case letters alone as a word of its own: a key is never that.
/// </summary>
public class SecretsTests
{
    public static TheoryData<string> Mistakes()
    {
        var data = new TheoryData<string>();
        foreach (var secret in (string[])[AcctRun.Key, AcctRun.Key.TrimEnd('='), AcctRun.Key[..41], "hunter2SECRET"])
        {
            data.Add($"--acct-kye={secret}");
            data.Add($"--acct-kye {secret}");
            data.Add($"--acct-kye{secret}");
            data.Add($"--acct-key{secret}");
            data.Add($"-acct-key={secret}");
            data.Add($"acct-key={secret}");
            data.Add($"ACCT_KEY={secret}");
            data.Add($"--acct-key-fiel={secret}");
            data.Add($"--acct-key-file{secret}");
            data.Add($"--ACCT-KEY:{secret}");
            data.Add($"--password={secret}");
            data.Add($"-k{secret}");
            data.Add($"--crypto-plugin={secret}");
            data.Add($"--output {secret}");
            data.Add($"--count={secret}");
            data.Add($"--acct-key={secret} --acct-key={secret}");
            data.Add($"one {secret} two");
            if (secret.Length > 40)
            {
                data.Add($"{secret}");
                data.Add($"--acct-file={secret}");
                data.Add($"--acct-key-file={secret}");
                data.Add($"--acct-key-command={secret} --acct-file=/no/such/file");
                data.Add($"--input={secret}");
                data.Add($"--plugins={secret}");
                data.Add($"--log-file=/no/such/folder/{secret}");
                data.Add($"--output-file=/no/such/folder/{secret}");
            }
        }
        data.Add("--acct-keyhunter");
        data.Add("--acct-key-commandhunter");
        return data;
    }

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_key_in_the_wrong_place_is_never_repeated(string words)
    {
        using var run = new AcctRun();
        using (var key = AcctKey.Parse(AcctRun.Key))
            AcctFile.Save(run["c.fernet"], AcctDocument.ParseYaml("a: {b: {c: d}}"u8, "test"), key);
        foreach (var first in (string[][])[[], ["encrypt", run["credentials.yml"]], ["decrypt", run["c.fernet"]], ["decrypt"], ["edit", run["c.fernet"], "--editor", "true"]])
        {
            var (code, output, error) = await run.RunAsync([.. first, .. words.Split(' ')]);
            AssertSilent(output + error);
            // Encrypting needs no --acct-file, so a wrong one is no mistake there.
            Assert.True(code != 0 || (first is ["encrypt", ..] && words.StartsWith("--acct-file", StringComparison.Ordinal)));
            // Each mistake has a line of its own.
            Assert.Equal(code != 0, error.Split('\n').Any(line => line.StartsWith("error: ", StringComparison.Ordinal)));
        }
        // Its own duration, because what the tester takes for a good command line it runs.
        var ran = await Ran.Of(["--duration", "10ms", .. words.Split(' ')]);
        AssertSilent(ran.Output + ran.Error);

        static void AssertSilent(string said)
        {
            foreach (var part in (string[])["hunter", "SECRET", AcctRun.Key[..8], AcctRun.Key[20..30]])
                Assert.DoesNotContain(part, said, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("--no-such-option", "'--no-such-option'")]
    [InlineData("--acct-kye=AbC1", "'--acct-kye=***'")]
    [InlineData("--acct-keyAbC1", "'--acct-key***'")]
    [InlineData("--acct-kyeAbC1", "'--acct-k***'")]
    [InlineData("folder/file.yml", "'folder/file.yml'")]
    public async Task What_is_harmless_is_repeated_so_that_the_mistake_is_found(string word, string expected)
    {
        using var run = new AcctRun();
        Assert.Contains(expected, (await run.RunAsync("encrypt", run["credentials.yml"], word)).Error, StringComparison.Ordinal);
        Assert.Contains(expected, (await Ran.Of(word)).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("The acct file '/srv/me/a-long-folder/of-another-project/credentials.yml.fernet' cannot be read")]
    [InlineData("acct file '/tmp/acct-tool-x7Yq2A/Credentials-Production-2026/credentials.yml'")]
    [InlineData("Give it by ACCT_KEY, --acct-key-file or --acct-key-command.")]
    public void Ordinary_messages_are_left_as_they_are(string message) => Assert.Equal(message, SecretText.Mask(message));
}
