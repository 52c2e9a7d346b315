using System.Globalization;
using System.Text;
using EvBus.Journal;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What <c>dead edit</c> is asked for.</summary>
/// <param name="Body">The file with the new body; null: the editor, unless attributes are set.</param>
/// <param name="Set">Attributes, each <c>name=value</c>; an empty value removes one.</param>
internal sealed record EditLetterRequest(string Directory, string Lane, ulong Number, string? Body, IReadOnlyList<string> Set, string? Editor);

/// <summary>What <c>dead edit</c> says.</summary>
internal sealed record EditLetterReport(string Lane, ulong Number, ulong? Was, int BodyBytes, bool Changed);

/// <summary>Changes a dead letter's event before it is replayed. The new one is written before the old one goes: cut short, both are there. Id, reason, attempts and time stay.</summary>
internal static class EditLetterCommand
{
    private const int MaxBody = 1 << 30;

    public static async Task<int> RunAsync(EditLetterRequest request, ToolConsole console, Printer printer)
    {
        var folder = JournalFolder.OpenExclusive(request.Directory, out var ownership);
        EditLetterReport report;
        using (ownership)
        {
            DeadCommands.Choose(DeadCommands.Numbers(folder, request.Lane), [request.Number], request.Lane);
            var letter = DeadCommands.Letters(folder, request.Lane, request.Number).Single().Letter;
            var before = letter.Event;
            var attributes = request.Set.Aggregate(before.Attributes, Set);
            var body = request.Body is { } file ? ReadBody(file)
                : request.Set.Count > 0 && request.Editor is null ? before.Body.ToArray()
                : EditBody(before.Body.Span, (request.Editor, console.Environment("EDITOR")), request);
            var isChanged = request.Set.Count > 0 || !before.Body.Span.SequenceEqual(body);
            report = new EditLetterReport(request.Lane, request.Number, null, body.Length, false);
            if (isChanged)
            {
                CheckLength(attributes);
                using var letters = DeadCommands.OpenFile(folder, request.Lane);
                var number = letters.Add([letter with { Event = new BusEvent(body, attributes) }])[0].Number;
                letters.Remove([request.Number]);
                report = new EditLetterReport(request.Lane, number, request.Number, body.Length, true);
            }
        }
        await printer.PrintAsync(report, Describe);
        return 0;
    }

    private static EventAttributes Set(EventAttributes attributes, string assignment)
    {
        var at = assignment.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0)
            throw new UsageException($"--set takes name=value, such as subject=orders/7; '{assignment}' is none.");
        var name = assignment[..at];
        var value = at + 1 < assignment.Length ? assignment[(at + 1)..] : null;
        switch (name)
        {
            case "id" or "time" or "traceparent" or "tracestate" or "specversion" or "data":
                throw new UsageException($"'{name}' stays as it is: the event is the same one. --body changes its data.");
            case "source": return attributes with { Source = value };
            case "type": return attributes with { Type = value };
            case "subject": return attributes with { Subject = value };
            case "datacontenttype": return attributes with { ContentType = value };
            case "dataschema": return attributes with { DataSchema = value };
            case "profile": return attributes with { Profile = value };
            case "key": return attributes with { Key = value };
            default: break;
        }
        if (!name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)))
            throw new UsageException($"'{name}' is no attribute: source, type, subject, datacontenttype, dataschema, profile, key, or an extension of lower-case letters and digits.");
        var extensions = new Dictionary<string, string>(attributes.Extensions ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        if (value is null)
            extensions.Remove(name);
        else
            extensions[name] = value;
        return attributes with { Extensions = extensions.Count == 0 ? null : extensions };
    }

    private static void CheckLength(in EventAttributes attributes)
    {
        if (EventCodec.AttributesLength(attributes) is > EventCodec.MaxAttributesLength and var length)
            throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"The attributes would have {length} bytes; at most {EventCodec.MaxAttributesLength} are kept."));
    }

    private static byte[] ReadBody(string file)
    {
        try
        {
            return new FileInfo(file).Length <= MaxBody ? File.ReadAllBytes(file) : throw new UsageException($"'{file}' is larger than {MaxBody} bytes, the most an event can have.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--body '{file}' cannot be read: {exception.Message}");
        }
    }

    private static byte[] EditBody(ReadOnlySpan<byte> body, (string? Named, string? Usual) editors, EditLetterRequest request)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(body);
        }
        catch (DecoderFallbackException)
        {
            throw new TroubleException("The body is no text. Write the new one into a file and name it: --body FILE.");
        }
        var editor = ((string?[])[editors.Named, editors.Usual, "vi"]).First(each => !string.IsNullOrWhiteSpace(each))!;
        using var workspace = new PrivateFolder();
        using var signals = new EditorSignals(workspace);
        var path = workspace.Write("body", text);
        var code = Editor.Run(editor, path, signals);
        if (code != 0)
            throw new TroubleException($"The editor '{editor}' ended with exit code {code.ToString(CultureInfo.InvariantCulture)}; dead letter {request.Number.ToString(CultureInfo.InvariantCulture)} is unchanged. Set EDITOR, or name one by --editor.");
        var edited = ReadBody(path);
        // Editors end a file with a line break, whether there was one or not.
        return edited is [.., (byte)'\n'] && !text.EndsWith('\n') ? edited[..^1] : edited;
    }

    private static string Describe(EditLetterReport report) => report.Changed
        ? string.Create(CultureInfo.InvariantCulture, $"dead letter {report.Was} of lane '{report.Lane}' is {report.Number} now, with a body of {report.BodyBytes} bytes; 'dead replay' queues it again\n")
        : string.Create(CultureInfo.InvariantCulture, $"dead letter {report.Number} of lane '{report.Lane}' is unchanged\n");
}
