using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>Events as NDJSON: structured CloudEvents, with the number in the journal before everything else; with --json one array of them.</summary>
internal static class CatCommand
{
    private const int Portion = 64 << 10;

    public static async Task<int> RunAsync(string directory, EventRange range, bool asArray, ToolConsole console, CancellationToken cancellationToken)
    {
        var lines = new ArrayBufferWriter<byte>();
        try
        {
            var isFirst = true;
            foreach (var record in range.Read(directory))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (asArray)
                    lines.Write(isFirst ? "[\n"u8 : ","u8);
                isFirst = false;
                WriteLine(record, lines);
                if (lines.WrittenCount < Portion)
                    continue;
                await console.PrintAsync(Encoding.UTF8.GetString(lines.WrittenSpan));
                lines.ResetWrittenCount();
            }
            if (asArray)
                lines.Write(isFirst ? "[]\n"u8 : "]\n"u8);
            await console.PrintAsync(Encoding.UTF8.GetString(lines.WrittenSpan));
        }
        catch (OutputException exception) when (exception.Message.Contains("Broken pipe", StringComparison.Ordinal))
        {
            // Nobody reads any more (| head): that is the end, and no error.
        }
        return 0;
    }

    public static void WriteLine(in StoredRecord record, IBufferWriter<byte> target)
    {
        var head = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{\"evbussequence\":{record.Sequence}"));
        var rest = new ArrayBufferWriter<byte>(record.Bytes.Length + 256);
        var view = EventBatch.Single(record.Bytes)[0];
        try
        {
            CloudEventWriter.WriteJson(view, rest);
        }
        catch (RejectEventException exception)
        {
            rest.ResetWrittenCount();
            using var json = new Utf8JsonWriter(rest);
            json.WriteStartObject();
            json.WriteString("id", view.Id);
            json.WriteString("error", exception.Message);
            json.WriteEndObject();
            json.Flush();
        }
        target.Write(head);
        target.Write(","u8);
        target.Write(rest.WrittenSpan[1..]);
        target.Write("\n"u8);
    }
}
