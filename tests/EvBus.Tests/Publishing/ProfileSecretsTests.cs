namespace EvBus.Tests.Publishing;

public class ProfileSecretsTests
{
    private static ProfileSecrets Secrets(params (string Key, object? Value)[] values) =>
        new Profile("p", "n", values.ToDictionary(pair => pair.Key, pair => pair.Value)).FindSecrets();

    [Theory]
    [InlineData("password")]
    [InlineData("sasl.password")]
    [InlineData("sasl_password")]
    [InlineData("Passwd")]
    [InlineData("passphrase")]
    [InlineData("client_secret")]
    [InlineData("token")]
    [InlineData("api_key")]
    [InlineData("ssl.key.pem")]
    [InlineData("SharedAccessKey")]
    [InlineData("connection_string")]
    public void A_key_that_says_so_makes_its_value_a_secret(string key) =>
        Assert.Equal("refused *** twice: ***", Secrets((key, "abc-def-ghi")).Mask("refused abc-def-ghi twice: abc-def-ghi"));

    [Theory]
    [InlineData("host")]
    [InlineData("routing_key")]
    [InlineData("partition_key")]
    [InlineData("username")]
    [InlineData("path")]
    [InlineData("topic")]
    [InlineData("passive")]
    [InlineData("compass_heading")]
    public void Other_values_help_an_operator_and_are_left(string key) => Assert.True(Secrets((key, "abc-def-ghi")).IsEmpty);

    [Theory]
    [InlineData("guest", "for user guest: guest, guests", "for user ***: ***, guests")]
    [InlineData("ab", "ab", "ab")]
    [InlineData("", "nothing", "nothing")]
    [InlineData("***", "***", "***")]
    [InlineData("longer-than-7", "xlonger-than-7x", "x***x")]
    public void Short_secrets_are_hidden_as_words_and_long_ones_anywhere(string secret, string said, string expected) =>
        Assert.Equal(expected, Secrets(("password", secret)).Mask(said));

    [Fact]
    public void One_secret_that_contains_another_is_hidden_whole() =>
        Assert.Equal("a *** and ***", Secrets(("password", "hunter22"), ("token", "hunter22-and-more")).Mask("a hunter22-and-more and hunter22"));

    [Theory]
    [InlineData("amqp://user:p%40ss-word@host:5672/v", "login p@ss-word or p%40ss-word at host", "login *** or *** at host")]
    [InlineData("Host=h;Password=abc-def-1;Port=1", "abc-def-1 at h", "*** at h")]
    [InlineData("http://host:8080/path?a=b@c", "host 8080", "host 8080")]
    public void The_password_inside_an_address_is_one(string value, string said, string expected) => Assert.Equal(expected, Secrets(("url", value)).Mask(said));

    [Fact]
    public void A_clean_exception_stays_the_one_it_was()
    {
        var clean = new InvalidOperationException("fine");
        Assert.Same(clean, Secrets(("password", "abc-def-ghi")).Mask(clean));
        Assert.DoesNotContain("abc-def-ghi", Secrets(("password", "abc-def-ghi")).Mask(new InvalidOperationException("outer", new IOException("abc-def-ghi"))).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Values_under_a_secret_map_and_in_lists_and_bytes_are_secrets() => Assert.Equal(
        "*** *** *** plain",
        Secrets(("credentials", new Dictionary<string, object?> { ["user"] = "user-name", ["pair"] = new List<object?> { "first-one" } }), ("secret_bytes", "raw-bytes"u8.ToArray()))
            .Mask("user-name first-one raw-bytes plain"));

    [Theory]
    [InlineData("headers")]
    [InlineData("environment")]
    public void All_values_of_a_map_that_is_a_place_for_secrets_are_secrets_whatever_their_names(string map) => Assert.Equal(
        "db *** and *** but blue-green",
        Secrets((map, new Dictionary<string, object?> { ["DB"] = "postgres-hunter2", ["PIN"] = 48151623L }), ("team", "blue-green")).Mask("db postgres-hunter2 and 48151623 but blue-green"));

    [Theory]
    [InlineData("Bearer abc-def-ghi")]
    [InlineData("ApiKey abc-def-ghi")]
    [InlineData("theme=dark; session=abc-def-ghi")]
    [InlineData("postgres://me:abc-def-ghi@host/db")]
    public void The_secret_part_of_a_value_is_hidden_without_the_words_around_it(string value) =>
        Assert.Equal("who is ***?", Secrets(("headers", new Dictionary<string, object?> { ["X"] = value })).Mask("who is abc-def-ghi?"));

    [Fact]
    public void Headers_that_are_a_text_or_a_list_are_no_place_for_secrets() =>
        Assert.True(Secrets(("headers", "blue-green-1"), ("environment", new List<object?> { "blue-green-2" })).IsEmpty);
}
