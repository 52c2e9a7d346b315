using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace EvBus.Acct.Tests;

public class AcctOptionsTests
{
    private static readonly Func<string, string?> NoEnvironment = _ => null;

    [Fact]
    public void Anybodys_command_line_takes_them_over_with_its_subcommands()
    {
        var options = Read(["serve", "--acct-file=c.fernet", $"--acct-key={Vectors.Readme}", "--ingress-profiles", "a", "b"]);
        Assert.Equal("c.fernet", options.File);
        Assert.Equal(Vectors.Readme, options.Key);
        Assert.True(options.KeyOnCommandLine);
        Assert.Equal(["a", "b"], options.Profiles);
        Assert.Equal("k.txt", Read(["--acct-key-file", "k.txt"]).KeyFile);
        Assert.Equal("pass show acct", Read(["--acct-key-command", "pass show acct", "serve"]).KeyCommand);
        Assert.Equal(["a", "b"], Read(["--ingress-profiles", "a", "--ingress-profiles", "b"]).Profiles);
    }

    [Fact]
    public void The_environment_gives_what_the_command_line_does_not()
    {
        var environment = Environment(("ACCT_FILE", "env.fernet"), ("ACCT_KEY", Vectors.Readme), ("INGRESS_PROFILES", "a, b"));
        var options = Read([], environment);
        Assert.Equal("env.fernet", options.File);
        Assert.Equal(Vectors.Readme, options.Key);
        Assert.False(options.KeyOnCommandLine);
        Assert.Equal(["a", "b"], options.Profiles);
        Assert.Equal("k.txt", Read([], Environment(("ACCT_KEY_FILE", "k.txt"))).KeyFile);
        Assert.Null(Read([], Environment(("ACCT_FILE", ""))).File);
    }

    [Fact]
    public void The_command_line_wins_over_the_environment_and_that_over_configuration()
    {
        var configuration = Configuration(("EvBus:Acct:File", "conf.fernet"), ("EvBus:Acct:KeyCommand", "conf"), ("EvBus:Acct:Profiles:0", "x"), ("EvBus:Acct:Cipher", "aesgcm256"));
        var environment = Environment(("ACCT_FILE", "env.fernet"), ("ACCT_KEY", "env"));

        var weakest = Read([], configuration: configuration);
        Assert.Equal(("conf.fernet", "conf", AcctCipher.AesGcm256), (weakest.File, weakest.KeyCommand, weakest.Cipher));
        Assert.Equal(["x"], weakest.Profiles);

        var middle = Read([], environment, configuration);
        Assert.Equal(("env.fernet", "env", null), (middle.File, middle.Key, middle.KeyCommand));

        var strongest = Read(["--acct-file", "cli.fernet", "--acct-key-file", "k"], environment, configuration);
        Assert.Equal(("cli.fernet", null, "k", null), (strongest.File, strongest.Key, strongest.KeyFile, strongest.KeyCommand));
    }

    [Fact]
    public void Profiles_in_configuration_may_be_a_list_or_one_text() =>
        Assert.Equal(["a", "b"], AcctOptions.From(Configuration(("EvBus:Acct:Profiles", "a,b"))).Profiles);

    [Fact]
    public void Two_sources_of_a_key_in_one_place_are_an_error()
    {
        Assert.Throws<EvBusConfigurationException>(() => Read(["--acct-key", "a", "--acct-key-file", "b"]));
        Assert.Throws<EvBusConfigurationException>(() => AcctOptions.FromEnvironment(Environment(("ACCT_KEY", "a"), ("ACCT_KEY_FILE", "b"))));
        Assert.Throws<EvBusConfigurationException>(() => AcctOptions.From(Configuration(("EvBus:Acct:Key", "a"), ("EvBus:Acct:KeyCommand", "b"))));
    }

    [Fact]
    public void Unknown_keys_and_ciphers_in_configuration_are_errors_that_say_what_there_is()
    {
        Assert.Contains("KeyFile", Assert.Throws<EvBusConfigurationException>(() => AcctOptions.From(Configuration(("EvBus:Acct:Keyfiel", "a")))).Message, StringComparison.Ordinal);
        Assert.Contains("aesgcm256", Assert.Throws<EvBusConfigurationException>(() => AcctOptions.From(Configuration(("EvBus:Acct:Cipher", "rot13")))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_out_of_range_are_errors_all_at_once()
    {
        var error = Assert.Throws<EvBusConfigurationException>(() => new AcctProfileSource(new AcctOptions { MaxFileBytes = 0, KeyCommandTimeout = TimeSpan.Zero }));
        Assert.Equal(2, error.Errors.Count);
    }

    private static AcctOptions Read(string[] args, Func<string, string?>? environment = null, IConfiguration? configuration = null)
    {
        var root = new RootCommand();
        var serve = new Command("serve");
        root.Subcommands.Add(serve);
        AcctOptions.AddTo(root);
        root.SetAction(_ => 0);
        serve.SetAction(_ => 0);
        var result = root.Parse(args);
        Assert.Empty(result.Errors);
        return AcctOptions.From(result, configuration, environment ?? NoEnvironment);
    }

    private static Func<string, string?> Environment(params (string Name, string Value)[] variables) =>
        name => variables.FirstOrDefault(variable => variable.Name == name).Value;

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(value => KeyValuePair.Create(value.Key, (string?)value.Value))).Build();
}
