using System.Buffers;
using System.Globalization;
using EvBus.Files;
using EvBus.Tools.Acct;
using EvBus.Tools.Cli.Journal;

namespace EvBus.Tools.Cli.Commands;

/// <summary>What <c>export</c> says. <paramref name="Next"/> is where the next export goes on: give it as --from.</summary>
internal sealed record ExportReport(string File, long Events, long Bytes, ulong? First, ulong? Last, ulong? Next);

/// <summary>Events into a file, readable by its owner alone. It appears when it is whole: under another name until then.</summary>
internal static class ExportCommand
{
    private const int Portion = 1 << 20;

    public static async Task<int> RunAsync(string directory, string file, bool bodies, EventRange range, Printer printer, CancellationToken cancellationToken)
    {
        if (file.Length == 0)
            throw new UsageException("--to names no file.");
        if (File.Exists(file) || Directory.Exists(file))
            throw new UsageException($"'{file}' is there already. Name another file, or remove it.");
        UnixFile.SurviveFileSizeLimit();
        var records = range.Read(directory);
        // A name that nobody can have put a file or link under before.
        var temporary = $"{file}.{Path.GetRandomFileName()}.part";
        var (count, first, last) = (0L, (ulong?)null, (ulong?)null);
        var lines = new ArrayBufferWriter<byte>();
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        long bytes;
        try
        {
            await using (var stream = Open(temporary, options))
            {
                foreach (var record in records)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (bodies)
                        WriteBody(record, lines);
                    else
                        CatCommand.WriteLine(record, lines);
                    (count, first, last) = (count + 1, first ?? record.Sequence, record.Sequence);
                    if (lines.WrittenCount < Portion)
                        continue;
                    stream.Write(lines.WrittenSpan);
                    lines.ResetWrittenCount();
                }
                stream.Write(lines.WrittenSpan);
                stream.Flush();
                UnixFile.Sync(stream.SafeFileHandle, temporary);
                bytes = stream.Length;
            }
            File.Move(temporary, file);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        await printer.PrintAsync(new ExportReport(file, count, bytes, first, last, last + 1), Describe);
        return 0;
    }

    private static FileStream Open(string path, FileStreamOptions options)
    {
        try
        {
            return new FileStream(path, options);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"'{path}' cannot be written: {exception.Message}");
        }
    }

    private static void WriteBody(in StoredRecord record, ArrayBufferWriter<byte> target)
    {
        target.Write(EventBatch.Single(record.Bytes)[0].Body.Span);
        target.Write("\n"u8);
    }

    private static string Describe(ExportReport report) => report.Events == 0
        ? $"'{report.File}': no event\n"
        : string.Create(CultureInfo.InvariantCulture, $"'{report.File}': {Printer.Plural(report.Events, "event")}, {report.First} to {report.Last}; go on with --from {report.Next}\n");
}
