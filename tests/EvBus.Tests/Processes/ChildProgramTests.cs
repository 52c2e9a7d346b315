using EvBus.Processes;

namespace EvBus.Tests.Processes;

public sealed class ChildProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-path-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_bare_name_is_looked_for_in_the_folders_of_PATH_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        var (first, second) = (Make("first/tool", isProgram: false), Make("second/tool", isProgram: true));
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, Path.GetDirectoryName(second)!);
        Assert.Equal(second, ChildProgram.Find("tool", $"{Path.GetDirectoryName(first)}::.:{Path.GetDirectoryName(second)}"));
        Assert.Null(ChildProgram.Find("tool", $"{Path.GetDirectoryName(first)}:{relative}"));
        Assert.Null(ChildProgram.Find("tool", ""));
    }

    [Fact]
    public void What_lies_beside_this_program_or_in_the_current_folder_is_not_found_by_its_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no modes.");
        const string Name = "evbus-planted-tool";
        foreach (var folder in new[] { AppContext.BaseDirectory, Environment.CurrentDirectory })
        {
            var planted = Path.Combine(folder, Name);
            File.WriteAllText(planted, "#!/bin/sh\n");
            try
            {
                File.SetUnixFileMode(planted, UnixFileMode.UserRead | UnixFileMode.UserExecute);
                Assert.Null(ChildProgram.Find(Name));
                Assert.Null(ChildProgram.Find(Name, ".::bin"));
            }
            finally
            {
                File.Delete(planted);
            }
        }
    }

    [Fact]
    public void A_path_is_taken_as_it_is() => Assert.Equal(Path.GetFullPath("./some/tool"), ChildProgram.Find("./some/tool", "/usr/bin"));

    [Fact]
    public void No_key_of_ours_is_in_the_environment_of_a_program_or_a_shell()
    {
        string[] ours = ["ACCT_KEY", "ACCT_FILE", "ACCT_KEY_COMMAND", "EVBUS_JOURNAL_KEY", "EVBUS_PROFILES__http__z__token", "EvBus__Journal__Key", "evbus_profiles__HTTP__a__password"];
        foreach (var name in ours)
            Environment.SetEnvironmentVariable(name, "s3cret");
        Environment.SetEnvironmentVariable("EVBUS_JOURNALS_OF_OTHERS", "stays");
        try
        {
            foreach (var start in new[] { ChildProgram.Prepare("/bin/true"), ChildProgram.PrepareShell("true") })
            {
                Assert.All(ours, name => Assert.False(start.Environment.ContainsKey(name), name));
                Assert.True(start.Environment.ContainsKey("PATH"));
                Assert.True(start.Environment.ContainsKey("EVBUS_JOURNALS_OF_OTHERS"));
            }
        }
        finally
        {
            foreach (var name in ours.Append("EVBUS_JOURNALS_OF_OTHERS"))
                Environment.SetEnvironmentVariable(name, null);
        }
    }

    private string Make(string name, bool isProgram)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "#!/bin/sh\n");
        if (isProgram)
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return path;
    }
}
