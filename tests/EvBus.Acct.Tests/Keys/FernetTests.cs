using System.Text;

namespace EvBus.Acct.Tests;

public class FernetTests
{
    private static readonly byte[] Iv = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    [Fact]
    public void A_mark_in_front_of_a_token_is_read_over_and_UTF_16_is_named()
    {
        using var key = AcctKey.Parse(Vectors.Readme);
        var token = Vectors.Bytes("acct/readme.yml.fernet");
        Assert.Equal(AcctFile.Decrypt(token, key).ToYaml(), AcctFile.Decrypt([0xEF, 0xBB, 0xBF, .. token], key).ToYaml());
        byte[] Wide(string text) => [0xFF, 0xFE, .. System.Text.Encoding.Unicode.GetBytes(text)];
        Assert.Contains("UTF-16", Assert.Throws<AcctException>(() => AcctFile.Decrypt(Wide("gAAAA"), key, AcctCipher.Fernet)).Message, StringComparison.Ordinal);
        Assert.Contains("UTF-16", Assert.Throws<AcctException>(() => AcctKey.Parse(Wide(Vectors.Readme)).Dispose()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_official_token_is_made_to_the_byte()
    {
        foreach (var vector in Vectors.Json("fernet/generate.json").EnumerateArray())
        {
            using var key = AcctKey.Parse(vector.GetProperty("secret").GetString()!);
            var time = vector.GetProperty("now").GetDateTimeOffset().ToUnixTimeSeconds();
            var iv = vector.GetProperty("iv").EnumerateArray().Select(value => value.GetByte()).ToArray();
            var token = FernetCipher.Encrypt(Encoding.UTF8.GetBytes(vector.GetProperty("src").GetString()!), key, time, iv);
            Assert.Equal(vector.GetProperty("token").GetString(), Encoding.ASCII.GetString(token));
        }
    }

    [Fact]
    public void The_official_token_is_opened()
    {
        foreach (var vector in Vectors.Json("fernet/verify.json").EnumerateArray())
            Assert.Equal(vector.GetProperty("src").GetString(), Open(vector.GetProperty("token").GetString()!, vector.GetProperty("secret").GetString()!));
    }

    public static TheoryData<string> Invalid() => [.. Vectors.Json("fernet/invalid.json").EnumerateArray().Select(vector => vector.GetProperty("desc").GetString()!)];

    [Theory]
    [MemberData(nameof(Invalid))]
    public void The_official_invalid_tokens_are_refused_unless_only_their_age_is_wrong(string desc)
    {
        var vector = Vectors.Json("fernet/invalid.json").EnumerateArray().Single(entry => entry.GetProperty("desc").GetString() == desc);
        var (token, secret) = (vector.GetProperty("token").GetString()!, vector.GetProperty("secret").GetString()!);
        if (desc is "far-future TS (unacceptable clock skew)" or "expired TTL")
        {
            Assert.Equal("", Open(token, secret));
            return;
        }
        var expected = desc switch
        {
            "incorrect mac" => AcctFault.WrongKey,
            "invalid base64" => AcctFault.NotAToken,
            _ => AcctFault.Damaged,
        };
        Assert.Equal(expected, Assert.Throws<CipherException>(() => Open(token, secret)).Fault);
    }

    [Fact]
    public void One_bit_flipped_anywhere_in_a_token_is_refused()
    {
        using var key = AcctKey.Parse(Vectors.Readme);
        // Three lengths, so that the base64 ends without '=', with one and with two.
        foreach (var length in (int[])[5, 16, 32])
        {
            var token = FernetCipher.Encrypt(new byte[length], key, 1_600_000_000, Iv);
            for (var bit = 0; bit < token.Length * 8; bit++)
            {
                var flipped = token.ToArray();
                flipped[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.Throws<CipherException>(() => FernetCipher.Decrypt(flipped, key).Dispose());
            }
        }
    }

    [Fact]
    public void A_token_cut_anywhere_is_refused()
    {
        using var key = AcctKey.Parse(Vectors.Readme);
        var token = FernetCipher.Encrypt(new byte[40], key, 0, Iv);
        for (var length = 0; length < token.Length; length++)
            Assert.Throws<CipherException>(() => FernetCipher.Decrypt(token.AsSpan(0, length), key).Dispose());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(100_000)]
    public void What_was_encrypted_comes_back(int length)
    {
        using var key = AcctKey.Generate();
        var plain = Enumerable.Range(0, length).Select(i => (byte)(i * 7)).ToArray();
        using var opened = FernetCipher.Decrypt(FernetCipher.Encrypt(plain, key, 1, Iv), key);
        Assert.True(opened.Span.SequenceEqual(plain));
    }

    [Theory]
    [InlineData("newline at the end")]
    [InlineData("spaces in front")]
    [InlineData("wrapped lines")]
    [InlineData("wrapped with CRLF")]
    [InlineData("standard alphabet")]
    public void Files_as_people_have_them_are_read(string tolerance)
    {
        var token = Vectors.Acct("types").GetProperty("token").GetString()!;
        var text = tolerance switch
        {
            "newline at the end" => token + "\n",
            "spaces in front" => "  \t" + token,
            "wrapped lines" => string.Join('\n', token.Chunk(64).Select(line => new string(line))),
            "wrapped with CRLF" => string.Join("\r\n", token.Chunk(76).Select(line => new string(line))) + "\r\n",
            _ => token.Replace('-', '+').Replace('_', '/'),
        };
        Assert.NotEqual(token, text);
        using var key = AcctKey.Parse(Vectors.Readme);
        using var opened = FernetCipher.Decrypt(Encoding.ASCII.GetBytes(text), key);
        Assert.True(opened.Span.SequenceEqual(Vectors.Bytes("acct/types.msgpack")));
    }

    [Fact]
    public void A_token_without_its_padding_is_refused()
    {
        var token = Vectors.Acct("types").GetProperty("token").GetString()!;
        using var key = AcctKey.Parse(Vectors.Readme);
        foreach (var vector in Vectors.Json("acct/manifest.json").EnumerateArray().Select(entry => entry.GetProperty("token").GetString()!).Where(text => text.EndsWith('=')))
            Assert.Equal(AcctFault.Damaged, Assert.Throws<CipherException>(() => FernetCipher.Decrypt(Encoding.ASCII.GetBytes(vector.TrimEnd('=')), key).Dispose()).Fault);
        Assert.Equal(AcctFault.Damaged, Assert.Throws<CipherException>(() => FernetCipher.Decrypt(Encoding.ASCII.GetBytes(token + "="), key).Dispose()).Fault);
    }

    [Theory]
    [InlineData("YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=\n")]
    [InlineData("  YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=\r\n")]
    [InlineData("\uFEFFYeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=")]
    public void Keys_as_people_have_them_are_read(string text)
    {
        using var key = AcctKey.Parse(text);
        Assert.Equal(Vectors.Readme, key.Reveal());
    }

    [Fact]
    public void Either_alphabet_is_read_in_a_key_and_each_cipher_prints_its_own()
    {
        using var url = AcctKey.Parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
        using var standard = AcctKey.Parse("cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=");
        Assert.Equal(url.Reveal(), standard.Reveal());
        Assert.Equal("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", standard.Reveal(AcctCipher.Fernet));
        Assert.Equal("cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=", url.Reveal(AcctCipher.AesGcm256));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8")]
    [InlineData("YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDs")]
    [InlineData("YeckEnWEGOjBDVxxytw13Asd%gquzhCtFHOs7kDsna8=")]
    [InlineData("YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=YeckEnWEGOjBDVxxytw13AsdLgquzhCtFHOs7kDsna8=")]
    public void A_malformed_key_is_refused_without_being_shown(string text)
    {
        var error = Assert.Throws<AcctException>(() => AcctKey.Parse(text));
        Assert.Equal(AcctFault.BadKey, error.Fault);
        Assert.DoesNotContain("Yeck", error.ToString(), StringComparison.Ordinal);
    }

    private static string Open(string token, string secret)
    {
        using var key = AcctKey.Parse(secret);
        using var plain = FernetCipher.Decrypt(Encoding.ASCII.GetBytes(token), key);
        return Encoding.UTF8.GetString(plain.Span);
    }
}
