using System.Text;
using EvBus.Testing;

namespace EvBus.Tests.Journal.Disk;

/// <summary>The key of an encrypted journal is changed: the new one writes, the former one reads until nothing is left of it.</summary>
public class KeyRingTests
{
    private readonly FaultStorage _storage = new();
    private readonly JournalKey _former = JournalKey.Generate();
    private readonly JournalKey _new = JournalKey.Generate();

    private JournalKey Both => _new.WithFormer(_former);

    private EventBus Create(JournalKey key, ScriptedPublisher publisher) => EventBus.Create(bus =>
    {
        bus.UseStorage(_storage).Publisher("a", publisher);
        bus.Options = bus.Options with { Journal = bus.Options.Journal with { Key = key } };
    });

    private static ScriptedPublisher Down() => new() { Otherwise = (_, _) => new(PublishResult.Retry("down")) };

    private async Task RunAsync(JournalKey key, ScriptedPublisher publisher, int from, int count, bool drains = false)
    {
        await using var bus = Create(key, publisher);
        await bus.StartAsync();
        for (var i = from; i < from + count; i++)
            await bus.PutAsync(Given.Event($"secret-{i}"), Receipt.Durable).AsTask().Soon();
        var status = await bus.StopAsync(drains ? Given.Patience : TimeSpan.Zero).Soon();
        Assert.Equal(0, status.Lanes.Single().Dropped);
        status.AssertBalanced();
    }

    private static string[] Secrets(int count) => [.. Enumerable.Range(0, count).Select(i => $"secret-{i}")];

    [Fact]
    public async Task What_lies_under_a_former_key_is_delivered_and_what_comes_is_written_under_the_new_one()
    {
        await RunAsync(_former, Down(), 0, 20);
        var before = _storage.Files.Keys.ToHashSet();
        await RunAsync(Both, Down(), 20, 20);
        // What is new opens with the new key alone.
        var added = _storage.Files.Keys.Where(name => name.StartsWith("log/", StringComparison.Ordinal) && !before.Contains(name)).ToArray();
        Assert.NotEmpty(added);
        Assert.DoesNotContain(_storage.Files.Keys, name => Encoding.Latin1.GetString(_storage.Read(name)).Contains("secret", StringComparison.Ordinal));
        var publisher = new ScriptedPublisher();
        await RunAsync(Both, publisher, 40, 1, drains: true);
        Assert.Equal(Secrets(41), publisher.Delivered.Select(evt => evt.GetText()));
    }

    [Fact]
    public async Task A_former_key_is_asked_for_until_every_lane_is_through_with_what_it_opens_and_not_longer()
    {
        await RunAsync(_former, Down(), 0, 20);
        await RunAsync(Both, Down(), 20, 5);
        Assert.Contains("former key", Assert.Throws<EvBusException>(() => Create(_new, Down())).Message, StringComparison.Ordinal);
        Assert.Contains("not the one", Assert.Throws<EvBusException>(() => Create(_former, Down())).Message, StringComparison.Ordinal);
        var publisher = new ScriptedPublisher();
        await RunAsync(Both, publisher, 25, 0, drains: true);
        Assert.Equal(Secrets(25), publisher.Delivered.Select(evt => evt.GetText()));
        var last = new ScriptedPublisher();
        await RunAsync(_new, last, 25, 1, drains: true);
        Assert.Equal(["secret-25"], last.Delivered.Select(evt => evt.GetText()));
    }

    [Fact]
    public async Task Dead_letters_go_over_to_the_new_key_when_their_lane_is_opened_and_keep_the_former_one_needed_until_then()
    {
        await RunAsync(_former, new ScriptedPublisher { Otherwise = (_, _) => new(PublishResult.Rejected("no")) }, 0, 3, drains: true);
        // Opened and not started: its lanes are not.
        await using (Create(Both, Down()))
        {
        }
        Assert.Contains("former key", Assert.Throws<EvBusException>(() => Create(_new, Down())).Message, StringComparison.Ordinal);
        await RunAsync(Both, new ScriptedPublisher(), 3, 1, drains: true);
        await using var bus = Create(_new, new ScriptedPublisher());
        await bus.StartAsync();
        Assert.Equal(Secrets(3), bus.Lanes.GetDeadLetters("a").Select(letter => letter.Event.GetText()));
    }

    [Fact]
    public async Task A_new_key_alone_is_refused_and_changes_nothing()
    {
        await RunAsync(_former, Down(), 0, 5);
        Assert.Contains("not the one", Assert.Throws<EvBusException>(() => Create(_new, Down())).Message, StringComparison.Ordinal);
        var publisher = new ScriptedPublisher();
        await RunAsync(_former, publisher, 5, 0, drains: true);
        Assert.Equal(Secrets(5), publisher.Delivered.Select(evt => evt.GetText()));
    }

    [Fact]
    public async Task A_key_can_be_changed_again_before_the_one_before_is_through_with()
    {
        var third = JournalKey.Generate();
        await RunAsync(_former, Down(), 0, 5);
        await RunAsync(Both, Down(), 5, 5);
        await RunAsync(third.WithFormer(Both), Down(), 10, 5);
        Assert.Throws<EvBusException>(() => Create(third.WithFormer(_new), Down()));
        var publisher = new ScriptedPublisher();
        await RunAsync(third.WithFormer(Both), publisher, 15, 0, drains: true);
        Assert.Equal(Secrets(15), publisher.Delivered.Select(evt => evt.GetText()));
        await RunAsync(third, new ScriptedPublisher(), 15, 1, drains: true);
    }

    [Fact]
    public void Keys_are_read_one_behind_the_other_and_a_wrong_one_is_named_by_its_number_alone()
    {
        Assert.Equal($"{_new.Reveal()} {_former.Reveal()}", JournalKey.Parse($"{_new.Reveal()}\n{_former.Reveal()}\n").Reveal());
        Assert.Equal("***", Both.ToString());
        Assert.Equal(_new.Reveal(), _new.WithFormer(_new).Reveal());
        var error = Assert.Throws<EvBusException>(() => JournalKey.Parse($"{_new.Reveal()} {_former.Reveal()[..20]}"));
        Assert.Contains("number 2 of 2", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_former.Reveal()[..20], error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_new.Reveal(), error.Message, StringComparison.Ordinal);
    }
}
