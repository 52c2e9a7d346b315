using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EvBus.Tools.Acct;

namespace EvBus.Tools.Cli.Commands;

/// <summary>Says a result: as JSON for programs, or in words.</summary>
internal sealed class Printer(ToolConsole console, bool json)
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public ToolConsole Console => console;

    public Task PrintAsync<T>(T result, Func<T, string> words) => console.PrintAsync(json ? JsonSerializer.Serialize(result, s_json) + "\n" : words(result));

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    public static string Plural(long count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");

    /// <summary>Names on the left, values on the right.</summary>
    public static StringBuilder Row(StringBuilder text, string name, string value) => text.Append(CultureInfo.InvariantCulture, $"{name,-12}{value}\n");
}
