using System.Text;
using Microsoft.Extensions.Logging;

namespace EvBus.Acct.Tests;

public class AcctFileTests
{
    private const string Plain = "pika:\n  default:\n    password: hunter2\n";

    private static readonly AcctDocument Document = AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(Plain), "test");

    [Theory]
    [InlineData(AcctCipher.Fernet)]
    [InlineData(AcctCipher.AesGcm256)]
    public void What_is_saved_is_loaded_and_belongs_to_its_owner_only(AcctCipher cipher)
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        var path = folder["c.enc"];
        AcctFile.Save(path, Document, key, cipher);
        Assert.Equal(Plain, AcctFile.Load(path, key).ToYaml());
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Single(Directory.GetFiles(folder.FullPath));
    }

    [Theory]
    [InlineData(AcctCipher.Fernet)]
    [InlineData(AcctCipher.AesGcm256)]
    public void Wrong_key_is_named_as_such(AcctCipher cipher)
    {
        using var folder = new Folder();
        using AcctKey key = AcctKey.Generate(), other = AcctKey.Generate();
        var path = folder["c." + AcctCiphers.NameOf(cipher)];
        AcctFile.Save(path, Document, key, cipher);
        var error = Assert.Throws<AcctException>(() => AcctFile.Load(path, other));
        Assert.Equal(AcctFault.WrongKey, error.Fault);
        Assert.Contains("wrong key", error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(AcctCiphers.NameOf(cipher), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(other.Reveal(), error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("c.fernet", Plain, AcctFault.NotAToken)]
    [InlineData("c.aesgcm256", Plain, AcctFault.NotAToken)]
    [InlineData("c.yml", Plain, AcctFault.NotAToken)]
    [InlineData("c.yml", "", AcctFault.NotAToken)]
    [InlineData("c.fernet", "gAAAAABfXhAA", AcctFault.Damaged)]
    [InlineData("c.fernet", "gAAAAABfXhAAA", AcctFault.Damaged)]
    [InlineData("c.aesgcm256", "short", AcctFault.Damaged)]
    public void Plain_text_and_cut_files_are_told_apart(string name, string contents, AcctFault expected)
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        var error = Assert.Throws<AcctException>(() => AcctFile.Load(folder.Write(name, contents), key));
        Assert.Equal(expected, error.Fault);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void One_bit_flipped_anywhere_in_a_file_of_the_second_cipher_is_refused()
    {
        using var key = AcctKey.Generate();
        var file = AcctFile.Encrypt(Document, key, AcctCipher.AesGcm256);
        for (var bit = 0; bit < file.Length * 8; bit++)
        {
            var flipped = file.ToArray();
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<AcctException>(() => AcctFile.Decrypt(flipped, key, AcctCipher.AesGcm256));
        }
    }

    [Fact]
    public void Without_a_key_plain_yaml_is_read_with_a_warning()
    {
        using var folder = new Folder();
        var log = new LogLines();
        Assert.Equal(Plain, AcctFile.Load(folder.Write("c.yml", Plain), null, logger: log).ToYaml());
        Assert.StartsWith("Warning: ", Assert.Single(log.Lines), StringComparison.Ordinal);
        Assert.Contains("plain YAML", log.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_key_an_encrypted_file_asks_for_one()
    {
        using var folder = new Folder();
        foreach (var extension in (string[])["fernet", "aesgcm256"])
        {
            var path = folder.Write("readme." + extension, Vectors.Bytes($"acct/readme.yml.{extension}"));
            Assert.Equal(AcctFault.NoKey, Assert.Throws<AcctException>(() => AcctFile.Load(path, null)).Fault);
        }
    }

    [Fact]
    public void A_missing_file_a_folder_and_a_huge_file_are_told_apart()
    {
        using var folder = new Folder();
        Assert.Contains("no such file", Assert.Throws<AcctException>(() => AcctFile.Load(folder["none.yml"], null)).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<AcctException>(() => AcctFile.Load(folder.FullPath, null)).Message, StringComparison.Ordinal);
        using (var huge = File.Create(folder["huge.yml"]))
            huge.SetLength(100_000_000);
        Assert.Equal(AcctFault.TooLarge, Assert.Throws<AcctException>(() => AcctFile.Load(folder["huge.yml"], null)).Fault);
    }

    [Fact]
    public async Task A_device_without_an_end_is_not_read_for_ever()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("No /dev/zero here.");
        var error = await Assert.ThrowsAsync<AcctException>(() => AcctFile.LoadAsync(new AcctOptions { File = "/dev/zero", MaxFileBytes = 100_000 }, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal(AcctFault.TooLarge, error.Fault);
    }

    [Theory]
    [InlineData("640", true)]
    [InlineData("604", true)]
    [InlineData("622", true)]
    [InlineData("600", false)]
    [InlineData("400", false)]
    public void Files_that_others_can_read_or_write_are_said_aloud(string mode, bool warned)
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no modes.");
        using var folder = new Folder();
        using var key = AcctKey.Parse(Vectors.Readme);
        var log = new LogLines();
        AcctFile.Load(folder.Write("c.fernet", Vectors.Bytes("acct/readme.yml.fernet"), mode), key, logger: log);
        Assert.Equal(warned, log.Lines.Any(line => line.Contains($"mode 0{mode}", StringComparison.Ordinal) && line.Contains("chmod 600", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_failed_save_leaves_the_old_file_and_nothing_else()
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        var path = folder.Write("c.fernet", "old");
        var broken = new AcctDocument(new MessagePackMap { { "a", "half a pair \ud800 hunter2" } });
        var error = Assert.Throws<AcctException>(() => AcctFile.Save(path, broken, key));
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
        Assert.Throws<AcctException>(() => AcctFile.Save(folder.FullPath, Document, key));
        Assert.Throws<AcctException>(() => AcctFile.Save(folder["none/c.fernet"], Document, key));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Single(Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_symbolic_link_keeps_pointing_where_it_points()
    {
        using var folder = new Folder();
        using var key = AcctKey.Generate();
        var target = folder.Write("target.fernet", "old");
        File.CreateSymbolicLink(folder["link.fernet"], target);
        AcctFile.Save(folder["link.fernet"], Document, key);
        Assert.Equal(target, new FileInfo(folder["link.fernet"]).LinkTarget);
        Assert.Equal(Plain, AcctFile.Load(target, key).ToYaml());
    }
}
