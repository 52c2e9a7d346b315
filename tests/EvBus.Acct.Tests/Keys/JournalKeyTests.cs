using EvBus.Acct;

namespace EvBus.Acct.Tests;

public class JournalKeyTests
{
    [Fact]
    public async Task A_journals_key_comes_from_where_keys_of_acct_files_come()
    {
        using var key = AcctKey.Generate();
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, key.Reveal() + "\n");
            var fromFile = await new AcctOptions { KeyFile = path }.ReadJournalKeyAsync();
            var fromText = await new AcctOptions { Key = key.Reveal(AcctCipher.Fernet) }.ReadJournalKeyAsync();
            Assert.Equal(Convert.FromBase64String(key.Reveal().Replace('-', '+').Replace('_', '/')), Convert.FromBase64String(fromFile!.Reveal()));
            Assert.Equal(fromFile.Reveal(), fromText!.Reveal());
            Assert.Equal("***", fromFile.ToString());
            Assert.Null(await new AcctOptions().ReadJournalKeyAsync());
            await Assert.ThrowsAsync<AcctException>(() => new AcctOptions { Key = "no key" }.ReadJournalKeyAsync());
        }
        finally
        {
            File.Delete(path);
        }
    }
}
