using System.Text;
using EvBus.Brokers;

namespace EvBus.Ingress.Postgres.Tests;

/// <summary>What of an event stands in which column, and what cannot stand there.</summary>
[Collection(ServerTests.Name)]
public sealed class BodyTests(ServerFixture fixture)
{
    [Fact]
    public async Task Every_attribute_has_its_column_and_the_rest_is_in_attributes()
    {
        var table = fixture.NewTable();
        await PublishAsync(table, new BusEvent(new byte[] { 0, 0xFF, 10 }, new EventAttributes
        {
            Id = "an id", Source = "a/source", Type = "a.type", Subject = "ein Gegenstand: ä€😀", Time = new DateTimeOffset(2024, 2, 29, 12, 30, 15, TimeSpan.FromHours(2)).AddTicks(1234567), ContentType = "application/x",
            DataSchema = "urn:schema", Profile = "p", Key = "k", TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState = "a=b", Parents = ["one", "two"],
            Extensions = new Dictionary<string, string> { ["region"] = "nörd\"lich" },
        }));
        Assert.Equal(
            "an id|2024-02-29 10:30:15.123456|a.type|a/source|ein Gegenstand: ä€😀|p|k|application/x|00ff0a|"
            + "{\"region\": \"nörd\\\"lich\", \"parents\": [\"one\", \"two\"], \"dataschema\": \"urn:schema\", \"tracestate\": \"a=b\", \"traceparent\": \"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}",
            await fixture.Need().QueryAsync($"SELECT id, time AT TIME ZONE 'UTC', type, source, subject, profile, key, content_type, encode(body, 'hex'), attributes FROM {table}"));
    }

    [Fact]
    public async Task What_an_event_has_not_is_null()
    {
        var table = fixture.NewTable();
        await PublishAsync(table, new BusEvent(ReadOnlyMemory<byte>.Empty, new EventAttributes { Id = "bare" }));
        Assert.Equal("bare|t|t", await fixture.Need().QueryAsync($"SELECT id, num_nulls(subject, profile, key, content_type, attributes) = 5, body = '' FROM {table}"));
    }

    [Fact]
    public async Task A_body_that_is_no_JSON_is_rejected_alone_and_its_batch_goes_on()
    {
        var table = fixture.NewTable();
        await using var publisher = await ConnectAsync(table, ("body", "jsonb"));
        var result = await publisher.PublishAsync(
            EventBatch.Of([.. new[] { "{\"n\": 1}", "{no", "", "[1, 2]", "\"text\"", "1 2" }.Select((text, i) => new BusEvent(text, new EventAttributes { Id = $"{i}" })), new BusEvent(new byte[] { (byte)'"', 0xFF, (byte)'"' }, new EventAttributes { Id = "bytes" })]),
            default);
        Assert.Equal(
            [Verdict.Delivered, Verdict.Rejected, Verdict.Rejected, Verdict.Delivered, Verdict.Delivered, Verdict.Rejected, Verdict.Rejected], result.Each!.Select(each => each.Verdict));
        Assert.All(result.Each!.Where(each => each.Verdict == Verdict.Rejected), each => Assert.Contains("no JSON", each.Reason, StringComparison.Ordinal));
        Assert.Equal("1|[1, 2]|text", (await fixture.Need().QueryAsync($"SELECT coalesce(body->>'n', body #>> '{{}}') FROM {table} ORDER BY seq")).Replace('\n', '|'));
    }

    [Theory]
    [InlineData("text", "a\0b", "has a NUL")]
    [InlineData("jsonb", "{\"a\": \"\\u0000\"}", "(22P05)")]
    [InlineData("jsonb", "1e400000", "(22003)")]
    public async Task What_PostgreSQL_takes_in_no_text_or_JSON_becomes_a_dead_letter_alone(string column, string body, string reason)
    {
        var table = fixture.NewTable();
        var flow = new Flow(fixture.Profile(table, ("body", column))) { Count = 500 };
        await using var bus = await flow.StartAsync();
        for (var i = 0; i < flow.Count; i++)
            await bus.PutAsync(new BusEvent(i == 321 ? body : i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        await flow.EndAsync(bus);
        Assert.Equal((499, 1), (flow.Status.Delivered, flow.Status.Dead));
        Assert.Equal(body, flow.Dead[0].Event.GetText());
        Assert.Contains(reason, flow.Dead[0].Reason, StringComparison.Ordinal);
        Assert.Equal("499", await fixture.Need().QueryAsync($"SELECT count(*) FROM {table}"));
    }

    [Fact]
    public async Task Ids_that_are_UUIDs_fit_a_column_of_that_type_and_others_are_rejected_alone()
    {
        var table = fixture.NewTable();
        await using var publisher = await ConnectAsync(table, ("id", "uuid"));
        var result = await publisher.PublishAsync(
            EventBatch.Of(ServerFixture.Event("good", "0190163d-8694-739b-aea5-966c26f8ad91"), ServerFixture.Event("bad", "no-uuid"), new BusEvent("none")), default);
        Assert.Equal([Verdict.Delivered, Verdict.Rejected, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Contains("id: uuid", result.Each![1].Reason, StringComparison.Ordinal);
        Assert.Equal(
            "0190163d-8694-739b-aea5-966c26f8ad91|good\n00000000-0000-0000-0000-000000000000|none",
            await fixture.Need().QueryAsync($"SELECT id, convert_from(body, 'UTF8') FROM {table} ORDER BY seq"));
    }

    [Fact]
    public async Task A_NUL_in_an_attribute_is_rejected_alone_and_its_batch_goes_on()
    {
        var table = fixture.NewTable();
        await using var publisher = await ConnectAsync(table);
        var result = await publisher.PublishAsync(
            EventBatch.Of(
                new BusEvent("0", new EventAttributes { Id = "0", Subject = "a\0b" }),
                new BusEvent("1", new EventAttributes { Id = "1", Extensions = new Dictionary<string, string> { ["x"] = "\0" } }),
                ServerFixture.Event("2")),
            default);
        Assert.Equal([Verdict.Rejected, Verdict.Rejected, Verdict.Delivered], result.Each!.Select(each => each.Verdict));
        Assert.Equal(["2"], await fixture.BodiesAsync(table));
    }

    [Theory]
    [InlineData("\"My \"\"Events\"\"\"", "\"My \"\"Events\"\"\"")]
    [InlineData("\"x; DROP TABLE precious; --\"", "\"x; DROP TABLE precious; --\"")]
    [InlineData("Log.Events", "log.events")]
    [InlineData("\"Größe\".\"a.b\"", "\"Größe\".\"a.b\"")]
    public async Task A_table_of_any_name_is_made_and_filled(string table, string sql)
    {
        var server = fixture.Need();
        await server.QueryAsync($"CREATE TABLE IF NOT EXISTS precious (n int); CREATE SCHEMA IF NOT EXISTS log AUTHORIZATION {PostgresServer.Login}; CREATE SCHEMA IF NOT EXISTS \"Größe\" AUTHORIZATION {PostgresServer.Login}");
        foreach (var mode in new[] { "idempotent", "copy" })
        {
            await using var publisher = await ConnectAsync(table, ("mode", mode));
            Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(ServerFixture.Event(mode)), default));
        }
        Assert.Equal(["idempotent", "copy"], await fixture.BodiesAsync(sql));
        Assert.Equal("0", await server.QueryAsync("SELECT count(*) FROM precious"));
    }

    private async Task<IPublisher> ConnectAsync(string table, params (string, object?)[] more)
    {
        var publisher = ServerFixture.Publisher(fixture.Profile(table, more));
        await publisher.ConnectAsync(default);
        return publisher;
    }

    private async Task PublishAsync(string table, BusEvent evt)
    {
        await using var publisher = await ConnectAsync(table);
        Assert.Equal(PublishResult.Delivered, await publisher.PublishAsync(EventBatch.Of(evt), default));
    }
}
