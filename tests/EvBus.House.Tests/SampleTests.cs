namespace EvBus.House.Tests;

public class SampleTests
{
    private const string Credentials = """
        my_plugin:
          profile_name:
            host: localhost
            port: 12345
            username: somebody
            password: a-secret
            ingress_channels:
              - channel1
              - channel2
        """;

    [Theory]
    [InlineData("--hosted")]
    [InlineData("--hosted --log")]
    [InlineData("")]
    public void The_integration_chapter_of_the_original_runs_as_a_sample(string form)
    {
        var folder = Directory.CreateTempSubdirectory("evbus-sample-");
        try
        {
            var file = Path.Combine(folder.FullName, "credentials.yml");
            File.WriteAllText(file, Credentials);
            var program = Path.Combine(House.Root, "samples", "Embedded", "bin", House.Configuration, "net10.0", "Embedded.dll");
            var (code, output) = House.Run("dotnet", [program, "--acct-file", file, .. form.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
            Assert.Equal(0, code);
            Assert.Contains("my_queue: {\"hello\": \"world\"}", output, StringComparison.Ordinal);
            Assert.Contains("connected to localhost:12345 as somebody", output, StringComparison.Ordinal);
            Assert.Contains("channel1: {\"hello\": \"world\"}", output, StringComparison.Ordinal);
            Assert.Contains("channel2: {\"hello\": \"world\"}", output, StringComparison.Ordinal);
            Assert.Contains("connection closed", output, StringComparison.Ordinal);
            Assert.DoesNotContain("a-secret", output, StringComparison.Ordinal);
            if (form.Length > 0)
                Assert.Contains("channel1: {\"hello\": \"before the start\"}", output, StringComparison.Ordinal);
            const string Logged = "my_log: {\"message\":\"said by the application\",\"module\":\"my_project\",\"level\":\"Information\"";
            Assert.Equal(form.Contains("--log", StringComparison.Ordinal), output.Contains(Logged, StringComparison.Ordinal));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void The_sample_s_document_names_each_example_and_only_files_that_there_are()
    {
        var text = House.Read("samples/Embedded/README.md");
        foreach (var example in (string[])["CLI_CONFIG", "DYNE", "my_project/ingress/my_plugin.py", "ctx.channels", "my_project/acct/evbus/my_plugin.py", "my_project/my_project/init.py"])
            Assert.Contains(example, text, StringComparison.Ordinal);
        foreach (var line in File.ReadLines(Path.Combine(House.Root, "samples", "Embedded", "README.md")).Where(line => line.Contains(".cs`", StringComparison.Ordinal)))
            Assert.All(line.Split('`').Where(part => part.EndsWith(".cs", StringComparison.Ordinal)), file => Assert.True(File.Exists(Path.Combine(House.Root, "samples", "Embedded", file)), file));
    }

    [Fact]
    public void The_options_of_acct_stand_in_the_application_s_own_help()
    {
        var program = Path.Combine(House.Root, "samples", "Embedded", "bin", House.Configuration, "net10.0", "Embedded.dll");
        var (code, output) = House.Run("dotnet", [program, "--help"]);
        Assert.Equal(0, code);
        Assert.Contains("--acct-file", output, StringComparison.Ordinal);
        Assert.Contains("--ingress-profiles", output, StringComparison.Ordinal);
        Assert.Contains("--hosted", output, StringComparison.Ordinal);
    }
}
