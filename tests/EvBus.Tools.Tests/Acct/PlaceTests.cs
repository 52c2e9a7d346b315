using EvBus.Tools.Tests.Tester;

namespace EvBus.Tools.Tests.Acct;

/// <summary>Where the command writes, and in which characters: a shell's own links and locales, and real processes.</summary>
public sealed class PlaceTests : IDisposable
{
    private const string Prepare = "printf 'a: {p: {x: 1}}\\n' > u.yml; chmod 600 u.yml; export ACCT_KEY=" + AcctRun.Key + "; ACCT encrypt u.yml --output-file real.fernet; ";
    private readonly string _folder = Directory.CreateTempSubdirectory("acct-tool-").FullName;

    [Theory]
    [InlineData("ln -s real.fernet cur.fernet", "cur.fernet")]
    [InlineData("ln -s real.fernet cur.fernet", "./cur.fernet")]
    [InlineData("ln -s real.fernet mid.fernet; ln -s mid.fernet cur.fernet", "cur.fernet")]
    [InlineData("mkdir -p far/in; ln -s far/in near; ln -s ../../real.fernet far/in/cur.fernet", "near/cur.fernet")]
    public async Task The_file_that_a_link_leads_to_is_the_one_that_is_edited(string links, string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is bash.");
        var ran = await Shell.RunAsync($"{Prepare}{links}; ACCT edit {name} --editor \"sed -i 's/x: 1/x: 2/'\" && ACCT decrypt real.fernet && test -L {name} && find . -type f | sort", _folder);
        Assert.Equal(new Ran(0, "a:\n  p:\n    x: 2\n./real.fernet\n./u.yml\n", ""), ran);
    }

    [Theory]
    [InlineData("ln -s u.yml out.yml", "out.yml")]
    [InlineData("ln -s . again", "again/u.yml")]
    public async Task The_input_is_not_written_over_by_whatever_way_it_is_named(string links, string output)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is bash.");
        var ran = await Shell.RunAsync($"{Prepare}{links}; ACCT encrypt u.yml --output-file {output}; echo $?; cat u.yml", _folder);
        Assert.Equal("2\na: {p: {x: 1}}\n", ran.Output);
        Assert.Contains("is the input itself", ran.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en_US.ISO-8859-1", "> d.yml; cat d.yml")]
    [InlineData("en_US.US-ASCII", "> d.yml; cat d.yml")]
    [InlineData("en_US.ISO-8859-1", "| cat")]
    [InlineData("en_US.ISO-8859-1", "2>&1 >> d.yml; cat d.yml")]
    public async Task Clear_text_is_UTF_8_whatever_the_locale(string locale, string where)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The shell of these tests is bash.");
        File.WriteAllText(Path.Combine(_folder, "u.yml"), "a:\n  p:\n    password: ü€漢😀\n");
        var ran = await Shell.RunAsync($"chmod 600 u.yml; export ACCT_KEY={AcctRun.Key}; ACCT encrypt u.yml; export LC_ALL={locale}; ACCT decrypt u.yml.fernet {where}", _folder);
        Assert.Equal(0, ran.Code);
        Assert.Contains("password: ü€漢", ran.Output.Replace("\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<&- >&-")]
    [InlineData(">&-")]
    [InlineData(">/dev/full")]
    public async Task A_key_that_nobody_got_is_said_to_be_lost(string streams)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "There is no /dev/full here.");
        File.WriteAllText(Path.Combine(_folder, "u.yml"), "a: {}\n");
        var ran = await Shell.RunAsync($"chmod 600 u.yml; ACCT encrypt u.yml {streams}", _folder);
        Assert.Equal(1, ran.Code);
        Assert.Contains("The key is lost with it", ran.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_killed_edit_left_in_clear_is_removed_at_the_next_and_what_a_living_one_uses_is_not()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Killed and looked for as on Linux.");
        var ran = await Shell.RunAsync(
            $$"""
            {{Prepare}}
            cat > hold <<'EOF'
            #!/bin/sh
            echo $$ > "$1.pid"; dirname "$2" > "$1"; exec sleep 60
            EOF
            chmod +x hold
            start() { ACCT edit real.fernet --editor "$PWD/hold $PWD/$1" & until [ -s "$1" ]; do sleep 0.05; done; }
            start dead; dead=$!; start alive; alive=$!
            kill -9 $dead; wait $dead 2>/dev/null; kill $(cat dead.pid)
            test -e "$(cat dead)/credentials.yml" && echo left
            ACCT edit real.fernet --editor true
            test -e "$(cat dead)" || echo gone
            test -e "$(cat alive)/credentials.yml" && echo used
            kill $alive; wait $alive 2>/dev/null
            test -e "$(cat alive)" || echo wiped
            """, _folder);
        Assert.Equal("left\ngone\nused\nwiped\n", ran.Output);
        Assert.Contains("was left in clear by an edit that was killed", ran.Error, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
