using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace EvBus.Acct.Tests;

public class AcctVectorTests
{
    [Theory]
    [InlineData("readme")]
    [InlineData("types")]
    [InlineData("empty")]
    public void Yaml_becomes_the_originals_MessagePack(string name)
    {
        var document = AcctDocument.ParseYaml(Vectors.Bytes($"acct/{name}.yml"), name);
        Assert.Equal(Vectors.Acct(name).GetProperty("msgpack_hex").GetString(), Convert.ToHexStringLower(MessagePackCodec.Encode(document.GetRoot())));
        Assert.Equal(Vectors.Bytes($"acct/{name}.msgpack"), MessagePackCodec.Encode(document.GetRoot()));
    }

    [Theory]
    [InlineData("readme")]
    [InlineData("types")]
    [InlineData("empty")]
    public void Encrypting_gives_the_originals_files_to_the_byte(string name)
    {
        var vector = Vectors.Acct(name);
        var document = AcctDocument.ParseYaml(Vectors.Bytes($"acct/{name}.yml"), name);
        var time = DateTimeOffset.FromUnixTimeSeconds(vector.GetProperty("time").GetInt64());

        using var fernet = AcctKey.Parse(vector.GetProperty("fernet_key").GetString()!);
        var token = AcctFile.Encrypt(document, fernet, AcctCipher.Fernet, time, Convert.FromHexString(vector.GetProperty("iv").GetString()!));
        Assert.Equal(vector.GetProperty("token").GetString(), Encoding.ASCII.GetString(token));
        Assert.Equal(Vectors.Bytes($"acct/{name}.yml.fernet"), token);

        using var aes = AcctKey.Parse(vector.GetProperty("aesgcm_key").GetString()!);
        var file = AcctFile.Encrypt(document, aes, AcctCipher.AesGcm256, time, [.. Convert.FromHexString(vector.GetProperty("nonce").GetString()!), 0, 0, 0, 0]);
        Assert.Equal(vector.GetProperty("aesgcm_hex").GetString(), Convert.ToHexStringLower(file));
        Assert.Equal(Vectors.Bytes($"acct/{name}.yml.aesgcm256"), file);
    }

    [Theory]
    [InlineData("readme")]
    [InlineData("types")]
    [InlineData("empty")]
    public void The_originals_files_are_opened_and_their_cipher_is_found(string name)
    {
        var vector = Vectors.Acct(name);
        foreach (var (extension, property) in ((string, string)[])[("fernet", "fernet_key"), ("aesgcm256", "aesgcm_key")])
        {
            using var key = AcctKey.Parse(vector.GetProperty(property).GetString()!);
            var byName = AcctFile.Load(Vectors.PathOf($"acct/{name}.yml.{extension}"), key);
            var byContents = AcctFile.Decrypt(Vectors.Bytes($"acct/{name}.yml.{extension}"), key);
            Assert.Equal(Vectors.Bytes($"acct/{name}.msgpack"), MessagePackCodec.Encode(byName.GetRoot()));
            Assert.Equal(Vectors.Bytes($"acct/{name}.msgpack"), MessagePackCodec.Encode(byContents.GetRoot()));
        }
    }

    public static TheoryData<int, string> Scalars()
    {
        var data = new TheoryData<int, string>();
        foreach (var (index, vector) in Vectors.Json("acct/yaml_scalars.json").EnumerateArray().Index())
            data.Add(index, vector.GetProperty("yaml").GetString()!);
        return data;
    }

    [Theory]
    [MemberData(nameof(Scalars))]
    public void Yaml_means_what_it_means_to_the_original(int index, string yaml)
    {
        var vector = Vectors.Json("acct/yaml_scalars.json")[index];
        if (!vector.TryGetProperty("error", out _))
        {
            var document = AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(yaml), "test");
            Assert.Equal(vector.GetProperty("msgpack_hex").GetString(), Convert.ToHexStringLower(MessagePackCodec.Encode(document.GetRoot())));
            return;
        }
        var error = Assert.Throws<AcctException>(() => AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(yaml), "test"));
        Assert.Equal(AcctFault.BadContent, error.Fault);
        // The last place the original names is where the trouble is; it counts from 0, and for a complex key names only the map.
        var place = Regex.Matches(vector.GetProperty("message").GetString()!, @"line: (\d+) column: (\d+)")[^1];
        var column = int.Parse(place.Groups[2].Value, CultureInfo.InvariantCulture) + (yaml.StartsWith('?') ? 3 : 1);
        Assert.StartsWith($"test, line {int.Parse(place.Groups[1].Value, CultureInfo.InvariantCulture) + 1}, column {column}: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_of_them_are_tried() => Assert.Equal(83, Scalars().Count);

    [Theory]
    [MemberData(nameof(Scalars))]
    public void What_is_written_as_yaml_reads_back_as_the_same_bytes(int index, string yaml)
    {
        if (Vectors.Json("acct/yaml_scalars.json")[index].TryGetProperty("error", out _))
            return;
        var document = AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(yaml), "test");
        var again = AcctDocument.ParseYaml(Encoding.UTF8.GetBytes(document.ToYaml()), "again");
        Assert.Equal(Convert.ToHexStringLower(MessagePackCodec.Encode(document.GetRoot())), Convert.ToHexStringLower(MessagePackCodec.Encode(again.GetRoot())));
    }

    [Fact]
    public void Inner_json_is_read()
    {
        using var key = AcctKey.Generate();
        var iv = new byte[16];
        foreach (var json in (string[])["{\"p\": {\"default\": {\"port\": 5672, \"ratio\": 1.5, \"big\": 18446744073709551615, \"on\": true, \"none\": null}}}", "[{\"a\": []}]"])
        {
            var token = FernetCipher.Encrypt(Encoding.UTF8.GetBytes(json), key, 0, iv);
            var expected = JsonSerializer.Serialize(JsonDocument.Parse(json).RootElement);
            Assert.Equal(expected, JsonSerializer.Serialize(JsonDocument.Parse(AcctFile.Decrypt(token, key).ToJson()).RootElement));
        }
        var number = FernetCipher.Encrypt("[5672]"u8, key, 0, iv);
        Assert.Equal(new List<object?> { 5672L }, AcctFile.Decrypt(number, key).GetRoot());
    }

    [Theory]
    [InlineData("{\"p\":\n  \"\\ud800\"}", "line 2, column 3")]
    [InlineData("{\"\\ud800\": 1}", "line 1, column 2")]
    [InlineData("{\"a\": [1, 2}", "line 1, column 12")]
    [InlineData("{} {}", "line 1, column 4")]
    public void Inner_json_that_cannot_be_read_is_an_error_with_its_place(string json, string place)
    {
        using var key = AcctKey.Generate();
        var token = FernetCipher.Encrypt(Encoding.UTF8.GetBytes(json), key, 0, new byte[16]);
        var error = Assert.Throws<AcctException>(() => AcctFile.Decrypt(token, key));
        Assert.Equal(AcctFault.BadContent, error.Fault);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_inside_and_no_acct_data_is_named_as_such()
    {
        using var key = AcctKey.Generate();
        var token = FernetCipher.Encrypt([0xC1, 0xC1], key, 0, new byte[16]);
        var error = Assert.Throws<AcctException>(() => AcctFile.Decrypt(token, key));
        Assert.Equal(AcctFault.BadContent, error.Fault);
        Assert.Contains("opens with this key", error.Message, StringComparison.Ordinal);
    }
}
