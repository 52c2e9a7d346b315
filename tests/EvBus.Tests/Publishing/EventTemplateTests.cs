using System.Buffers;
using System.Text;

namespace EvBus.Tests.Publishing;

public class EventTemplateTests
{
    private static readonly EventAttributes s_all = new()
    {
        Id = "i1", Source = "/here", Type = "made", Subject = "söme", Profile = "p", Key = "k",
        Extensions = new Dictionary<string, string> { ["region"] = "eu", ["other"] = "x" },
    };

    private static EventView View(EventAttributes attributes) => EventBatch.Of(new BusEvent("body", attributes))[0];

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("", "")]
    [InlineData("{subject}", "söme")]
    [InlineData("a.{profile}.{type}.{source}.{key}.{id}", "a.p.made./here.k.i1")]
    [InlineData("{ext:region}-{ext:nowhere}-{ext:other|none}", "eu--x")]
    [InlineData("{{{subject}}}", "{söme}")]
    [InlineData("{{subject}}", "{subject}")]
    [InlineData("{key|none}", "k")]
    public void Attributes_take_the_places_that_name_them(string template, string expected)
    {
        var parsed = EventTemplate.Parse(template);
        Assert.Equal(expected, parsed.Format(View(s_all)));
        var target = new ArrayBufferWriter<byte>();
        parsed.Format(View(s_all), target);
        Assert.Equal(expected, Encoding.UTF8.GetString(target.WrittenSpan));
        Assert.Equal(template, parsed.ToString());
    }

    [Fact]
    public void A_missing_or_empty_attribute_gives_its_default()
    {
        Assert.Equal("--none-a|b", EventTemplate.Parse("{subject}-{ext:a}-{key|none}-{profile|a|b}").Format(View(default)));
        Assert.Equal("none", EventTemplate.Parse("{subject|none}").Format(View(new EventAttributes { Subject = "" })));
    }

    [Fact]
    public async Task What_the_event_leaves_to_the_bus_is_the_bus_s()
    {
        var made = new TaskCompletionSource<string>();
        var template = EventTemplate.Parse("{source} {type} {id}");
        var publisher = new Formatting(evt => made.TrySetResult(template.Format(evt)));
        await using var bus = await EventBus.StartAsync(o =>
        {
            o.Options = o.Options with { Source = "/bus", Type = "bus.type" };
            o.Publisher("p", publisher);
        });
        bus.TryPut("x"u8, default);
        var words = (await made.Task.Soon()).Split(' ');
        Assert.Equal(["/bus", "bus.type"], words[..2]);
        Assert.True(Guid.TryParse(words[2], out _));
    }

    [Fact]
    public void A_value_is_never_read_as_a_template()
    {
        var evt = View(new EventAttributes { Subject = "{key}{{|", Key = "secret" });
        Assert.Equal("a.{key}{{|", EventTemplate.Parse("a.{subject}").Format(evt));
    }

    [Theory]
    [InlineData("a\nb")]
    [InlineData("\0")]
    [InlineData("a\u007f")]
    [InlineData("ä\u0085b")]
    public void A_control_character_rejects_the_event_and_is_not_repeated_in_the_reason(string subject)
    {
        var view = View(new EventAttributes { Subject = subject });
        var e = Assert.Throws<RejectEventException>(() => EventTemplate.Parse("{subject}").Format(view));
        Assert.Contains("its subject has a control character", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(subject, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Letters_whose_bytes_look_like_control_characters_are_letters() =>
        Assert.Equal("£ \u00a0Â", EventTemplate.Parse("{subject}").Format(View(new EventAttributes { Subject = "£ \u00a0Â" })));

    [Theory]
    [InlineData("a{nonsense}", 2, "'{nonsense}' is no attribute")]
    [InlineData("{ext:}", 1, "'{ext:}' is no attribute")]
    [InlineData("{}", 1, "'{}' is no attribute")]
    [InlineData("ab{subject", 3, "a '{' without its '}'")]
    [InlineData("{sub{key}", 1, "a '{' without its '}'")]
    [InlineData("ab}", 3, "a '}' without its '{'")]
    public void What_is_no_template_is_said_with_its_place_and_what_there_is(string text, int position, string what)
    {
        var e = Assert.Throws<FormatException>(() => EventTemplate.Parse(text));
        Assert.Contains($"at position {position}, {what}", e.Message, StringComparison.Ordinal);
        Assert.Contains("{subject}, {profile}, {type}, {source}, {key}, {id}, {ext:NAME}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_a_template_without_places_is_constant()
    {
        Assert.Equal("a{b", EventTemplate.Parse("a{{b").Constant);
        Assert.True(EventTemplate.Parse("a{{b").IsConstant);
        Assert.Null(EventTemplate.Parse("{id}").Constant);
        Assert.False(EventTemplate.Parse("{id}").IsConstant);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("mine")]
    public void An_id_is_written_as_it_reads(string? id)
    {
        var view = View(new EventAttributes { Id = id });
        Span<byte> target = stackalloc byte[64];
        Assert.True(view.TryWriteId(target, out var length));
        Assert.Equal(view.Id, Encoding.UTF8.GetString(target[..length]));
        Assert.False(view.TryWriteId(target[..3], out length));
        Assert.Equal(0, length);
    }

    [Fact]
    public void Values_that_repeat_make_no_garbage()
    {
        var template = EventTemplate.Parse("t.{subject}.{ext:region}");
        var batch = EventBatch.Of(Enumerable.Range(0, 8).Select(i => new BusEvent("b", new EventAttributes
        {
            Subject = $"s{i}", Extensions = new Dictionary<string, string> { ["region"] = "eu" },
        })).ToArray());
        Assert.Same(template.Format(batch[3]), template.Format(batch[3]));
        template.Format(batch[0]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
            template.Format(batch[0]);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void A_long_value_fits()
    {
        var subject = new string('ü', 5000);
        Assert.Equal($"{subject}-{subject}", EventTemplate.Parse("{subject}-{subject}").Format(View(new EventAttributes { Subject = subject })));
    }

    private sealed class Formatting(Action<EventView> each) : IPublisher
    {
        public ValueTask<PublishResult> PublishAsync(EventBatch batch, CancellationToken cancellationToken)
        {
            foreach (var evt in batch)
                each(evt);
            return new(PublishResult.Delivered);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
