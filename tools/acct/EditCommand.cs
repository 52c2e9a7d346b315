using System.Text;
using EvBus.Acct;

namespace EvBus.Tools.Acct;

internal sealed record EditRequest(string? Input, string? Output, string? Editor, string Format);

/// <summary>Decrypt, edit, encrypt. The file changes in one step at the very end, or not at all.</summary>
internal sealed class EditCommand(ToolConsole console)
{
    // The shell's, for a command that is not there.
    private const int NotFound = 127;

    public async Task<int> RunAsync(EditRequest request, AcctOptions options, CancellationToken cancellationToken)
    {
        if (request.Output is "")
            throw new UsageException("--output-file names no file.");
        using var opened = await OpenedFile.OpenAsync(console, request.Input, options, cancellationToken);
        var output = request.Output ?? opened.Path;
        var editor = ((string?[])[request.Editor, console.Environment("EDITOR"), "vi"]).First(each => !string.IsNullOrWhiteSpace(each))!;
        SafeFile.CheckReplaceable(output);

        var before = request.Format == "json" ? opened.Document.ToJson() : opened.Document.ToYaml();
        if (request.Format == "json" && AcctDocument.ParseJson(Encoding.UTF8.GetBytes(before), "the text to edit").ToYaml() != opened.Document.ToYaml())
            throw new UsageException($"'{opened.Path}' holds what JSON cannot say (binary data, infinite numbers, or numbers such as 1.0), and editing would change it. Leave out --output json.");
        PrivateFolder.RemoveLeft(folder => console.Error.WriteLine($"warning: '{folder}' was left in clear by an edit that was killed. It is overwritten and removed."));
        using var workspace = new PrivateFolder();
        using var signals = new EditorSignals(workspace);
        var path = workspace.Write(request.Format == "json" ? "credentials.json" : "credentials.yml", before);
        while (true)
        {
            var code = Editor.Run(editor, path, signals);
            if (code != 0)
            {
                await console.Error.WriteLineAsync($"error: the editor '{editor}' ended with exit code {code}{(code == NotFound ? " (there is no such command; set EDITOR, or name one by --editor)" : "")}; '{output}' is unchanged.");
                return 1;
            }
            var after = await SafeFile.ReadAsync(path, options.MaxFileBytes, "edited file", null, cancellationToken);
            if (request.Output is null && after.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(before)))
            {
                await console.Error.WriteLineAsync($"'{output}' is unchanged.");
                return 0;
            }
            try
            {
                var edited = request.Format == "json" ? AcctDocument.ParseJson(after, "the edited text") : AcctDocument.ParseYaml(after, "the edited text");
                // An editor that was left in a hurry, or that failed without saying so.
                if (edited.GetRoot() is null && opened.Document.GetRoot() is not null)
                    throw new AcctException(AcctFault.BadContent, "The edited text is empty. For credentials without any provider write {}.");
                await console.WarnIfNoMapAsync(edited, output);
                AcctFile.Save(output, edited, opened.Key, opened.Cipher);
                return 0;
            }
            catch (AcctException exception) when (exception.Fault is AcctFault.BadContent or AcctFault.Unreadable)
            {
                await console.Error.WriteLineAsync($"error: {exception.Message} '{output}' is unchanged.");
                if (!await EditAgainAsync())
                    return exception.Fault == AcctFault.BadContent ? 2 : 1;
            }
        }
    }

    // Nobody should lose an hour's edit to a missing quote.
    private async Task<bool> EditAgainAsync()
    {
        if (!console.IsInteractive)
            return false;
        await console.Error.WriteAsync("Edit again? [Y/n] ");
        return (await console.In.ReadLineAsync())?.Trim().ToUpperInvariant() is "" or "Y" or "YES";
    }
}
