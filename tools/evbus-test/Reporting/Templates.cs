using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using EvBus.Tools.Tester.Options;

namespace EvBus.Tools.Tester.Reporting;

/// <summary>The texts of <c>--config-template</c> and <c>--versions-report</c>.</summary>
internal static class Templates
{
    public static string Config(RootCommand command, ParseResult parsed, TesterHost host)
    {
        var text = new StringBuilder("# The options of evbus-test, as they are given on the command line:\n");
        foreach (var option in command.Options.Where(option => option.Name.StartsWith("--", StringComparison.Ordinal) && option.Name != "--help"))
            text.Append(CultureInfo.InvariantCulture, $"#   {option.Name + (option.ValueType == typeof(bool) ? "" : $" {option.HelpName ?? "VALUE"}")}\n#       {option.Description}\n");
        text.Append("\n# An acct file: fill in what you need, then encrypt it with: acct credentials.yml\n");
        EventBus.Create(bus =>
        {
            TesterRun.AddPublishers(bus, parsed, host);
            text.Append(bus.Catalog.FormatExamples());
        });
        return text.ToString();
    }

    public static string VersionsReport()
    {
        var text = new StringBuilder();
        text.Append(TesterVersion.Line).Append('\n');
        foreach (var type in new[] { typeof(EventBus), typeof(RootCommand) })
            text.Append(CultureInfo.InvariantCulture, $"{type.Assembly.GetName().Name} {type.Assembly.GetName().Version!.ToString(3)}\n");
        text.Append(CultureInfo.InvariantCulture, $"runtime {RuntimeInformation.FrameworkDescription}\n");
        text.Append(CultureInfo.InvariantCulture, $"system {RuntimeInformation.OSDescription} ({RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors)\n");
        return text.ToString();
    }
}
