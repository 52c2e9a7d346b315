using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace EvBus.Serializers;

/// <summary>
/// Takes any value apart. Objects are taken apart by System.Text.Json's metadata, so its attributes count; values are taken by the type they
/// have at run time, so that a double stays a float (<c>1.0</c>), which JSON's own tokens would not tell.
/// </summary>
internal static class ValueWalker
{
    /// <summary>Python gives up near 1,000; a stack of 1 MiB holds this many with room to spare.</summary>
    public const int MaxDepth = 500;

    private static readonly JsonSerializerOptions s_options = MakeOptions();

    public static void Write(object? value, Type declared, ValueSink sink)
    {
        try
        {
            Write(value, declared, sink, 0);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw new NotSupportedException($"A {value?.GetType().Name ?? "null"} cannot be serialized: {e.Message}", e);
        }
    }

    private static void Write(object? value, Type declared, ValueSink sink, int depth)
    {
        if (depth > MaxDepth)
            throw new NotSupportedException($"The value is nested more than {MaxDepth} levels deep, or contains itself. Put a flatter one.");
        switch (value)
        {
            case null: sink.Null(); break;
            case string text: sink.String(text); break;
            case bool truth: sink.Boolean(truth); break;
            case int or long or uint or ulong or short or ushort or byte or sbyte or Int128 or UInt128 or BigInteger: Integer(value, sink); break;
            case double number: sink.Float(number); break;
            case float number: sink.Float(number); break;
            case Half number: sink.Float((float)number); break;
            case decimal number: sink.NumberToken(Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture))); break;
            case char c: sink.String([c]); break;
            case byte[] bytes: sink.Bytes(bytes); break;
            case ReadOnlyMemory<byte> bytes: sink.Bytes(bytes.Span); break;
            case Memory<byte> bytes: sink.Bytes(bytes.Span); break;
            case JsonElement element: Element(element, sink, depth); break;
            case JsonDocument document: Element(document.RootElement, sink, depth); break;
            case JsonNode node: Node(node, sink, depth); break;
            case IEnumerable<KeyValuePair<object?, object?>> map and not IDictionary:
                sink.BeginMap();
                foreach (var (key, item) in map)
                {
                    sink.Key(key ?? "null");
                    Write(item, typeof(object), sink, depth + 1);
                }
                sink.EndMap();
                break;
            default: Structured(value, declared, sink, depth); break;
        }
    }

    private static void Integer(object value, ValueSink sink)
    {
        Span<byte> digits = stackalloc byte[64];
        if (value is not BigInteger && ((IUtf8SpanFormattable)value).TryFormat(digits, out var length, default, CultureInfo.InvariantCulture))
            sink.Integer(digits[..length]);
        else
            sink.Integer(Encoding.ASCII.GetBytes(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture)));
    }

    private static void Structured(object value, Type declared, ValueSink sink, int depth)
    {
        EventSerializers.CheckReflection(value.GetType());
        if (declared != value.GetType() && declared != typeof(object) && declared.IsInstanceOfType(value) && s_options.GetTypeInfo(declared).PolymorphismOptions is not null)
        {
            Element(JsonSerializer.SerializeToElement(value, declared, s_options), sink, depth);
            return;
        }
        var type = s_options.GetTypeInfo(value.GetType());
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object when IsPlain(type):
                Members(value, type, sink, depth);
                break;
            case JsonTypeInfoKind.Dictionary when value is IDictionary map:
                Map(map, sink, depth);
                break;
            case JsonTypeInfoKind.Dictionary when value is IEnumerable<KeyValuePair<string, object?>> pairs:
                sink.BeginMap();
                foreach (var (key, item) in pairs)
                {
                    sink.Key(key);
                    Write(item, typeof(object), sink, depth + 1);
                }
                sink.EndMap();
                break;
            case JsonTypeInfoKind.Enumerable when value is IEnumerable items:
                sink.BeginList();
                foreach (var item in items)
                    Write(item, type.ElementType ?? typeof(object), sink, depth + 1);
                sink.EndList();
                break;
            default:
                Element(JsonSerializer.SerializeToElement(value, type), sink, depth);
                break;
        }
    }

    // What these ask for only System.Text.Json itself can do; a double then reads as the token it makes of it.
    private static bool IsPlain(JsonTypeInfo type)
    {
        if (type.PolymorphismOptions is not null)
            return false;
        foreach (var property in type.Properties)
        {
            if (property.CustomConverter is not null || property.IsExtensionData || property.NumberHandling is not null)
                return false;
        }
        return true;
    }

    private static void Members(object value, JsonTypeInfo type, ValueSink sink, int depth)
    {
        sink.BeginMap();
        foreach (var property in type.Properties)
        {
            if (property.Get is not { } get)
                continue;
            var member = get(value);
            if (property.ShouldSerialize is { } should && !should(value, member))
                continue;
            sink.Key(property.Name);
            Write(member, property.PropertyType, sink, depth + 1);
        }
        sink.EndMap();
    }

    private static void Map(IDictionary map, ValueSink sink, int depth)
    {
        sink.BeginMap();
        foreach (DictionaryEntry entry in map)
        {
            sink.Key(entry.Key);
            Write(entry.Value, typeof(object), sink, depth + 1);
        }
        sink.EndMap();
    }

    private static void Node(JsonNode node, ValueSink sink, int depth)
    {
        switch (node)
        {
            case JsonObject map:
                sink.BeginMap();
                foreach (var (key, item) in map)
                {
                    sink.Key(key);
                    Write(item, typeof(object), sink, depth + 1);
                }
                sink.EndMap();
                break;
            case JsonArray list:
                sink.BeginList();
                foreach (var item in list)
                    Write(item, typeof(object), sink, depth + 1);
                sink.EndList();
                break;
            default:
                var inner = ((JsonValue)node).GetValue<object>();
                Write(inner is JsonNode ? JsonSerializer.SerializeToElement(node, s_options) : inner, typeof(object), sink, depth);
                break;
        }
    }

    private static void Element(JsonElement element, ValueSink sink, int depth)
    {
        if (depth > MaxDepth)
            throw new NotSupportedException($"The value is nested more than {MaxDepth} levels deep. Put a flatter one.");
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                sink.BeginMap();
                foreach (var property in element.EnumerateObject())
                {
                    sink.Key(property.Name);
                    Element(property.Value, sink, depth + 1);
                }
                sink.EndMap();
                break;
            case JsonValueKind.Array:
                sink.BeginList();
                foreach (var item in element.EnumerateArray())
                    Element(item, sink, depth + 1);
                sink.EndList();
                break;
            case JsonValueKind.String: sink.String(element.GetString()); break;
            case JsonValueKind.Number: sink.NumberToken(Encoding.ASCII.GetBytes(element.GetRawText())); break;
            case JsonValueKind.True or JsonValueKind.False: sink.Boolean(element.ValueKind == JsonValueKind.True); break;
            default: sink.Null(); break;
        }
    }

    private static JsonSerializerOptions MakeOptions()
    {
        var options = new JsonSerializerOptions { TypeInfoResolver = new DefaultJsonTypeInfoResolver(), MaxDepth = MaxDepth };
        options.MakeReadOnly();
        return options;
    }
}
