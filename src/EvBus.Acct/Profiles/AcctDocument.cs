using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace EvBus.Acct;

/// <summary>
/// What stands in an acct file, decrypted: providers, their profiles, and their values. Prints as <c>***</c> in texts, JSON and the
/// debugger; values come out only by the methods that say so.
/// </summary>
/// <remarks>Safe from any thread, as long as nobody changes the tree that <see cref="GetRoot"/> returns.</remarks>
[DebuggerDisplay("***")]
[DebuggerTypeProxy(typeof(Redacted))]
[JsonConverter(typeof(Converter))]
public sealed class AcctDocument
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly object? _root;

    /// <summary>Makes a document of a tree as <see cref="MessagePackCodec.Decode"/> returns them.</summary>
    /// <param name="root">The tree; null for an empty document.</param>
    public AcctDocument(object? root) => _root = root;

    /// <summary>The tree, in clear.</summary>
    public object? GetRoot() => _root;

    /// <summary>What a top-level <c>default: name</c> says; null when nothing does.</summary>
    public string? GetDefaultProfileName() => _root is MessagePackMap map && map.TryGetValue("default", out var value) ? value as string : null;

    /// <summary>
    /// The profiles, in the order of the document. A provider's entries may be a map or a list of maps; what has another shape is no
    /// profile and left out. Keys that are not texts become texts.
    /// </summary>
    /// <param name="skipped">Called with the place of each entry that is left out, such as <c>aws/default</c>; never with a value.</param>
    /// <exception cref="AcctException">The document is neither empty nor a map of providers (<see cref="AcctFault.BadContent"/>).</exception>
    public IReadOnlyList<Profile> GetProfiles(Action<string>? skipped = null) => AcctShape.Profiles(_root, skipped);

    /// <summary>The document as YAML, in clear, in the block style of PyYAML; reading it gives the same document.</summary>
    /// <exception cref="AcctException">It holds something that YAML has no form for.</exception>
    public string ToYaml() => YamlWriter.Write(_root);

    /// <summary>The document as JSON, in clear, indented by 2. Bytes become base64 texts, keys texts, and numbers that JSON lacks (infinity) texts.</summary>
    public string ToJson() => AcctJson.Write(_root);

    /// <summary>Reads YAML 1.1 as acct does: <c>yes</c> is true, <c>017</c> is 17, dates stay texts.</summary>
    /// <param name="utf8">The text; UTF-16 with a byte order mark is read too.</param>
    /// <param name="name">What to call it in messages, such as the file's name.</param>
    /// <exception cref="AcctException">It is not one YAML document within the limits (64 deep, 200,000 values, aliases expanded); the message names line and column.</exception>
    public static AcctDocument ParseYaml(ReadOnlySpan<byte> utf8, string name)
    {
        try
        {
            return new AcctDocument(YamlReader.Read(utf8));
        }
        catch (YamlSyntaxException exception)
        {
            throw new AcctException(AcctFault.BadContent, $"{name}, {exception.Message}.");
        }
    }

    /// <summary>Reads JSON, as <see cref="ToJson"/> writes it.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="AcctException">It is not JSON, or nested deeper than 64; the message names line and column.</exception>
    public static AcctDocument ParseJson(ReadOnlySpan<byte> utf8, string name)
    {
        try
        {
            return new AcctDocument(AcctJson.Read(utf8));
        }
        catch (JsonException exception)
        {
            throw new AcctException(AcctFault.BadContent, $"{name}, line {exception.LineNumber + 1}, column {exception.BytePositionInLine + 1}: this is not JSON that can be read.");
        }
    }

    /// <summary>Always <c>***</c>.</summary>
    public override string ToString() => "***";

    private sealed class Converter : JsonConverter<AcctDocument>
    {
        public override AcctDocument Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A document is not read by a serializer; use AcctDocument.ParseJson.");

        public override void Write(Utf8JsonWriter writer, AcctDocument value, JsonSerializerOptions options) => writer.WriteStringValue("***");
    }
}
