using System.Text;

namespace EvBus.Acct.Tests;

public class AcctProfileSourceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_documents_own_credentials_become_a_profile()
    {
        var source = new AcctProfileSource(new AcctOptions { File = Vectors.PathOf("acct/readme.yml.fernet"), Key = Vectors.Readme });
        var profile = Assert.Single(await source.LoadAsync(Stop));
        Assert.Equal(("pika", "profile_name", 1), (profile.Provider, profile.Name, profile.Occurrence));
        Assert.Equal("XXXXXXXXXXXX", profile.GetString("password"));
        Assert.Equal(5672, profile.GetInt64("port"));
        Assert.Equal(["channel1", "channel2"], profile.GetStrings("ingress_channels"));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("default: name\n", "")]
    [InlineData("pika:\n", "")]
    [InlineData("internal:\n  default:\n", "internal/default 1")]
    [InlineData("default: name\npika:\n  a: {k: 1}\n  b:\n", "pika/a 1, pika/b 1")]
    [InlineData("pika:\n- a: {k: 1}\n- a: {k: 2}\n- b: {k: 3}\n-\n", "pika/a 1, pika/a 2, pika/b 1")]
    [InlineData("1:\n  2: {3: x}\n  true: {}\n  ~: {}\n", "1/2 1, 1/true 1, 1/null 1")]
    public async Task Every_shape_that_people_have_is_read(string yaml, string expected)
    {
        using var folder = new Folder();
        var profiles = await new AcctProfileSource(new AcctOptions { File = folder.Write("c.yml", yaml) }).LoadAsync(Stop);
        Assert.Equal(expected, string.Join(", ", profiles.Select(profile => $"{profile.Provider}/{profile.Name} {profile.Occurrence}")));
    }

    [Fact]
    public async Task Keys_that_are_not_texts_become_texts_at_every_depth()
    {
        using var folder = new Folder();
        var profile = Assert.Single(await new AcctProfileSource(new AcctOptions { File = folder.Write("c.yml", "p:\n  d:\n    1: one\n    true: {2: two}\n    list: [{3: three}]\n    moment: 2020-09-13\n") }).LoadAsync(Stop));
        Assert.Equal("one", profile.GetString("1"));
        Assert.Equal("two", profile.GetSection("true")!.GetString("2"));
        Assert.Equal("2020-09-13", profile.GetString("moment"));
    }

    [Fact]
    public async Task Entries_that_are_no_profiles_are_named_without_their_values()
    {
        using var folder = new Folder();
        var log = new LogLines();
        var profiles = await new AcctProfileSource(new AcctOptions { File = folder.Write("c.yml", "aws:\n  default: hunter2\n  list: [hunter2]\n  good: {}\nazure: [hunter2]\n") }, log).LoadAsync(Stop);
        Assert.Equal("good", Assert.Single(profiles).Name);
        Assert.Equal(["aws/default", "aws/list", "azure"], log.Lines.Where(line => line.Contains("left out", StringComparison.Ordinal)).Select(line => line.Split("left out: ")[1].Split(' ')[0]));
        Assert.DoesNotContain(log.Lines, line => line.Contains("hunter2", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("- a\n")]
    [InlineData("hello\n")]
    [InlineData("5\n")]
    public async Task A_document_that_is_no_map_is_refused_by_the_files_name(string yaml)
    {
        using var folder = new Folder();
        var path = folder.Write("c.yml", yaml);
        var error = await Assert.ThrowsAsync<AcctException>(async () => await new AcctProfileSource(new AcctOptions { File = path }).LoadAsync(Stop));
        Assert.Equal(AcctFault.BadContent, error.Fault);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_profiles_on_the_allow_list_are_used_and_missing_names_are_said()
    {
        using var folder = new Folder();
        var log = new LogLines();
        var path = folder.Write("c.yml", "pika:\n  a: {}\n  b: {}\nkafka:\n  a: {}\n  c: {}\n");
        var profiles = await new AcctProfileSource(new AcctOptions { File = path, Profiles = ["a", "A*"] }, log).LoadAsync(Stop);
        Assert.Equal(["pika/a", "kafka/a"], profiles.Select(profile => $"{profile.Provider}/{profile.Name}"));
        Assert.Contains(log.Lines, line => line.Contains("no profile called 'A*'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_file_there_are_no_profiles_and_nothing_to_watch()
    {
        var source = new AcctProfileSource(new AcctOptions());
        Assert.Empty(await source.LoadAsync(Stop));
        Assert.Null(source.Watch(() => { }));
    }

    [Fact]
    public async Task A_file_replaced_by_renaming_is_noticed()
    {
        using var folder = new Folder();
        var path = folder.Write("c.yml", "pika:\n  a: {}\n");
        var source = new AcctProfileSource(new AcctOptions { File = path });
        using var noticed = new SemaphoreSlim(0);
        using (source.Watch(() => noticed.Release()))
        {
            File.Move(folder.Write("new", "pika:\n  b: {}\n"), path, overwrite: true);
            Assert.True(await noticed.WaitAsync(TimeSpan.FromSeconds(30), Stop));
            Assert.Equal("b", Assert.Single(await source.LoadAsync(Stop)).Name);
        }
    }

    [Fact]
    public async Task A_file_written_in_place_is_noticed()
    {
        using var folder = new Folder();
        var path = folder.Write("c.yml", "pika:\n  a: {}\n");
        using var noticed = new SemaphoreSlim(0);
        using (new AcctProfileSource(new AcctOptions { File = path }).Watch(() => noticed.Release()))
        {
            await File.WriteAllTextAsync(path, "pika:\n  longer: {}\n", Stop);
            Assert.True(await noticed.WaitAsync(TimeSpan.FromSeconds(30), Stop));
        }
    }

    [Fact]
    public async Task A_secret_mounted_behind_a_link_is_noticed()
    {
        using var folder = new Folder();
        foreach (var version in (string[])["v1", "v2"])
        {
            Directory.CreateDirectory(folder[version]);
            folder.Write($"{version}/c.yml", $"pika:\n  {version}: {{}}\n");
        }
        File.SetLastWriteTimeUtc(folder["v1/c.yml"], DateTime.UnixEpoch);
        Directory.CreateSymbolicLink(folder["data"], "v1");
        File.CreateSymbolicLink(folder["c.yml"], System.IO.Path.Combine("data", "c.yml"));
        var source = new AcctProfileSource(new AcctOptions { File = folder["c.yml"] });
        using var noticed = new SemaphoreSlim(0);
        using (source.Watch(() => noticed.Release()))
        {
            File.Delete(folder["data"]);
            Directory.CreateSymbolicLink(folder["data"], "v2");
            Assert.True(await noticed.WaitAsync(TimeSpan.FromSeconds(30), Stop));
            Assert.Equal("v2", Assert.Single(await source.LoadAsync(Stop)).Name);
        }
    }

    [Fact]
    public async Task A_changed_key_file_is_noticed()
    {
        using var folder = new Folder();
        var file = folder.Write("c.fernet", Vectors.Bytes("acct/readme.yml.fernet"));
        Directory.CreateDirectory(folder["keys"]);
        var key = folder.Write("keys/k", Vectors.Readme);
        using var noticed = new SemaphoreSlim(0);
        using (new AcctProfileSource(new AcctOptions { File = file, KeyFile = key }).Watch(() => noticed.Release()))
        {
            await File.WriteAllTextAsync(key, Vectors.Readme + "\n", Stop);
            Assert.True(await noticed.WaitAsync(TimeSpan.FromSeconds(30), Stop));
        }
    }

    [Fact]
    public async Task A_half_replaced_file_is_an_error_and_the_next_whole_one_is_read()
    {
        using var folder = new Folder();
        var token = Vectors.Bytes("acct/readme.yml.fernet");
        var path = folder.Write("c.fernet", token[..^40]);
        var source = new AcctProfileSource(new AcctOptions { File = path, Key = Vectors.Readme });
        await Assert.ThrowsAsync<AcctException>(async () => await source.LoadAsync(Stop));
        folder.Write("c.fernet", token);
        Assert.Single(await source.LoadAsync(Stop));
    }

    [Fact]
    public void The_sample_is_read_and_has_each_kind()
    {
        var sample = AcctDocument.ParseYaml(File.ReadAllBytes(System.IO.Path.Combine(AppContext.BaseDirectory, "credentials.sample.yml")), "sample");
        var profiles = sample.GetProfiles(entry => Assert.Fail(entry));
        Assert.Equal(["internal", "rabbitmq", "rabbitmq", "kafka", "file", "http", "postgres", "otlp", "exec"], profiles.Select(profile => profile.Provider));
        Assert.Equal("q1", profiles[0].GetRequiredString("routing_key"));
        Assert.Equal(["events"], profiles[3].GetStrings("topics"));
        Assert.Equal("cloudevents", profiles[4].GetRequiredString("format"));
        Assert.Equal("https://example.org/events", profiles[5].GetRequiredString("url"));
        Assert.Equal("public.events", profiles[6].GetRequiredString("table"));
        Assert.Equal("http://localhost:4318", profiles[7].GetRequiredString("url"));
        Assert.Equal("python3", profiles[8].GetStrings("command")[0]);
    }
}
