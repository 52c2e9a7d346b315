using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.Json;

namespace EvBus.Acct.Tests;

/// <summary>Nothing that holds a key or a value shows it.</summary>
public class RedactionTests
{
    private const string Value = "hunter2";

    private static readonly JsonSerializerOptions WithFields = new() { IncludeFields = true };

    public static TheoryData<string, object> Holders() => new()
    {
        { nameof(AcctKey), AcctKey.Parse(Vectors.Readme) },
        { nameof(AcctDocument), AcctDocument.ParseYaml(Encoding.UTF8.GetBytes($"p:\n  d:\n    password: {Value}\n"), "test") },
        { nameof(AcctOptions), new AcctOptions { File = "c.fernet", Key = Vectors.Readme } },
        { nameof(AcctOptions) + " with a command", new AcctOptions { KeyCommand = $"echo {Value}" } },
        { nameof(AcctProfileSource), new AcctProfileSource(new AcctOptions { File = "c.fernet", Key = Vectors.Readme }) },
        { nameof(Profile), AcctDocument.ParseYaml(Encoding.UTF8.GetBytes($"p:\n  d:\n    password: {Value}\n"), "test").GetProfiles()[0] },
        { nameof(SecretBytes), Secret() },
    };

    [Theory]
    [MemberData(nameof(Holders))]
    public void Not_in_text(string name, object holder)
    {
        Assert.NotEmpty(name);
        AssertClean(holder.ToString()!);
        AssertClean($"{holder}");
    }

    [Theory]
    [MemberData(nameof(Holders))]
    public void Not_in_json(string name, object holder)
    {
        if (name == nameof(SecretBytes))
            return; // A buffer with spans cannot be serialized at all.
        AssertClean(JsonSerializer.Serialize(holder, holder.GetType()));
        AssertClean(JsonSerializer.Serialize(new { holder }));
        AssertClean(JsonSerializer.Serialize(holder, WithFields));
    }

    [Theory]
    [MemberData(nameof(Holders))]
    public void Not_in_the_debugger(string name, object holder)
    {
        if (name == nameof(AcctProfileSource))
            return; // It holds options, which are tried for themselves.
        var type = holder.GetType();
        var display = type.GetCustomAttribute<DebuggerDisplayAttribute>();
        Assert.True(display?.Value is "***" or "{ToString(),nq}", $"{name} shows {display?.Value}");
        Assert.NotNull(type.GetCustomAttribute<DebuggerTypeProxyAttribute>());
        var proxy = Type.GetType(type.GetCustomAttribute<DebuggerTypeProxyAttribute>()!.ProxyTypeName)!;
        Assert.Empty(proxy.GetMembers(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OfType<PropertyInfo>());
        Assert.Empty(proxy.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic));
    }

    [Fact]
    public void No_public_property_gives_a_key_or_a_value_away()
    {
        foreach (var holder in Holders().Select(row => row.Data.Item2).Where(holder => holder is not SecretBytes))
        {
            foreach (var property in holder.GetType().GetProperties(BindingFlags.Instance | BindingFlags.Public).Where(property => property.GetMethod is { IsPublic: true }))
                AssertClean(Convert.ToString(property.GetValue(holder), System.Globalization.CultureInfo.InvariantCulture) ?? "");
        }
    }

    [Fact]
    public void A_disposed_key_is_zeroed_and_of_no_use()
    {
        var key = AcctKey.Parse(Vectors.Readme);
        var bytes = (byte[])typeof(AcctKey).GetField("_bytes", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(key)!;
        Assert.Contains(bytes, value => value != 0);
        key.Dispose();
        key.Dispose();
        Assert.All(bytes, value => Assert.Equal(0, value));
        Assert.Throws<ObjectDisposedException>(() => key.Reveal());
    }

    [Fact]
    public void Decrypted_bytes_are_zeroed_when_they_are_done_with()
    {
        var secret = Secret();
        var bytes = (byte[])typeof(SecretBytes).GetField("_bytes", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(secret)!;
        Assert.Equal(Value, Encoding.UTF8.GetString(bytes, 0, Value.Length));
        secret.Dispose();
        Assert.All(bytes.Take(Value.Length), value => Assert.Equal(0, value));
    }

    private static SecretBytes Secret()
    {
        // Larger than what anybody else rents, so that nobody writes into it after it was returned.
        var secret = new SecretBytes(3_000_000);
        Encoding.UTF8.GetBytes(Value, secret.Buffer);
        secret.SetLength(Value.Length);
        return secret;
    }

    private static void AssertClean(string text)
    {
        Assert.DoesNotContain(Value, text, StringComparison.Ordinal);
        Assert.DoesNotContain(Vectors.Readme, text, StringComparison.Ordinal);
        Assert.DoesNotContain(Vectors.Readme[..20], text, StringComparison.Ordinal);
    }
}
