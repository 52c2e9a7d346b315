using System.Text;
using System.Text.Json;
using EvBus.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace EvBus.Ingress.File.Tests;

/// <summary>What may stand in a profile, and what a CloudEvents line makes of an event.</summary>
public sealed class ValuesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("evbus-values-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<(PublishResult Result, JsonElement[] Lines)> WriteAsync(params BusEvent[] events)
    {
        var path = Path.Combine(_folder, "out");
        var context = new IngressContext("file/test", null, null, null, NullLogger.Instance, new FakeClock());
        PublishResult result;
        await using (var publisher = new FilePublisher(context, new FileIngressOptions { Path = path, Format = FileFormat.CloudEvents }, FileSystem.Real))
        {
            await publisher.ConnectAsync(default);
            result = await publisher.PublishAsync(EventBatch.Of(events), default);
        }
        var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
        var text = strict.GetString(await System.IO.File.ReadAllBytesAsync(path));
        return (result, [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)]);
    }

    [Theory]
    [InlineData("application/octet-stream", "123", "data_base64", "MTIz")]
    [InlineData("application/msgpack", "1", "data_base64", "MQ==")]
    [InlineData("text/plain", "123", "data", "123")]
    [InlineData("application/xml", "<a/>", "data", "<a/>")]
    [InlineData("image/svg+xml", "<a/>", "data", "<a/>")]
    [InlineData("application/json", "123", "data", 123)]
    [InlineData("application/problem+json; charset=utf-8", "[1]", "data", "[1]")]
    [InlineData("application/json", "{oops", "data_base64", "e29vcHM=")]
    [InlineData(null, "123", "data", 123)]
    [InlineData(null, "{oops", "data_base64", "e29vcHM=")]
    public async Task The_content_type_decides_how_a_cloud_event_carries_its_data(string? contentType, string body, string member, object expected)
    {
        var (_, lines) = await WriteAsync(new BusEvent(Encoding.UTF8.GetBytes(body), new EventAttributes { ContentType = contentType }));
        var value = lines.Single().GetProperty(member);
        Assert.Equal(expected is string && value.ValueKind != JsonValueKind.Array ? JsonValueKind.String : value.ValueKind, value.ValueKind);
        Assert.Equal(expected.ToString(), value.ToString());
    }

    [Fact]
    public async Task JSON_with_invalid_UTF8_in_a_text_does_not_spoil_the_line()
    {
        byte[] body = [(byte)'"', 0xFF, (byte)'"'];
        var (_, lines) = await WriteAsync(new BusEvent(body, new EventAttributes { ContentType = "application/json" }));
        Assert.Equal(body, lines.Single().GetProperty("data_base64").GetBytesFromBase64());
    }

    [Fact]
    public async Task An_extension_cannot_take_the_name_of_an_attribute()
    {
        BusEvent With(string id, string name) =>
            new("x", new EventAttributes { Id = id, Key = "k", Extensions = new Dictionary<string, string> { [name] = "e" } });
        var (result, lines) = await WriteAsync(With("1", "id"), With("2", "data"), With("3", "partitionkey"), With("4", "mine"));
        Assert.Equal([Verdict.Rejected, Verdict.Rejected, Verdict.Delivered, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Contains("'data'", result.Each![1].Reason, StringComparison.Ordinal);
        Assert.Equal(["3", "4"], lines.Select(line => line.GetProperty("id").GetString()));
        Assert.Equal("k", lines[0].EnumerateObject().Single(member => member.Name == "partitionkey").Value.GetString());
        Assert.Equal("e", lines[1].GetProperty("mine").GetString());
    }

    [Theory]
    [InlineData("path", "a\0b")]
    [InlineData("keep", 3_000_000_000L)]
    [InlineData("rotate_interval", "2000000000d")]
    [InlineData("rotate_interval", "999999999999s")]
    [InlineData("rotate_interval", "0")]
    [InlineData("rotate_interval", "")]
    [InlineData("rotate_interval", "-5m")]
    [InlineData("rotate_bytes", -1L)]
    public void A_value_beyond_its_range_is_one_error_that_names_its_place(string key, object value)
    {
        var values = new Dictionary<string, object?> { ["path"] = "x", ["rotate_bytes"] = 1L, [key] = value };
        var error = Assert.Single(FileIngress.Descriptor.Validate!(new Profile("file", "p", values)));
        Assert.Contains($"file/p: {key}", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Keeping_rotated_files_without_rotating_is_an_error()
    {
        var error = Assert.Single(FileIngress.Descriptor.Validate!(new Profile("file", "p", new Dictionary<string, object?> { ["path"] = "x", ["keep"] = 3L })));
        Assert.Contains("rotate_bytes", error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_example_of_the_descriptor_names_every_key_and_can_be_used()
    {
        var keys = FileIngress.Descriptor.Example.Split('\n').Skip(2).Select(line => line.Trim().Split(':')[0]).ToArray();
        Assert.Equal(["path", "format", "rotate_bytes", "rotate_interval", "keep", "fsync"], keys);
        var values = FileIngress.Descriptor.Example.Split('\n').Skip(2)
            .Select(line => line.Split('#')[0].Split(':', 2)).ToDictionary(pair => pair[0].Trim(), pair => (object?)pair[1].Trim());
        Assert.Empty(FileIngress.Descriptor.Validate!(new Profile("file", "archive", values)));
    }
}
