using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using EvBus.Acct;

namespace EvBus.Tools.Acct;

/// <summary>The command line of <c>acct</c>. Exit codes: 0 done, 1 could not be done, 2 wrong use or bad input.</summary>
internal static class AcctTool
{
    private const int Failed = 1;
    private const int Wrong = 2;
    private const string NoSuchOption = "There is no option";

    public static async Task<int> RunAsync(IReadOnlyList<string> args, ToolConsole console)
    {
        var root = Build(console);
        if (args.Count == 0)
            return await HelpAsync(root, console);
        // A mistyped command is taken for a file of the old form, which is not there.
        var near = args[0].StartsWith('-') || File.Exists(args[0]) ? null : NearestName.Of(args[0], root.Subcommands.Select(command => command.Name));
        var hint = near is null || near == args[0] ? "" : $" Did you mean 'acct {near}'?";
        var result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Action is ParseErrorAction)
        {
            var messages = SecretText.ErrorsOf(result, args).Distinct().ToList();
            // Behind a mistyped option other words have no place either, which is no mistake of their own.
            if (messages.Exists(IsAboutOption))
                messages.RemoveAll(message => !IsAboutOption(message));
            foreach (var message in messages.SkipLast(1))
                await FailAsync(console, message, Wrong);
            return await FailAsync(console, $"{messages[^1]}{hint} Run 'acct --help' to see what there is.", Wrong);
        }
        try
        {
            // What the library prints, such as the help, is a result like any other.
            using var printed = new StringWriter { NewLine = "\n" };
            var code = await result.InvokeAsync(new InvocationConfiguration
            {
                Output = printed,
                Error = console.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
            if (printed.GetStringBuilder().Length > 0)
                await console.PrintAsync(printed.ToString());
            return code;
        }
        catch (OutputException exception)
        {
            return await FailAsync(console, exception.Message, Failed);
        }
        catch (Exception exception) when (exception is EvBusException or UsageException)
        {
            return await FailAsync(console, exception.Message + hint, exception is AcctException { Fault: AcctFault.WrongKey or AcctFault.Damaged } or AcctException { InnerException: IOException and not (FileNotFoundException or DirectoryNotFoundException) } ? Failed : Wrong);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Every file that was named has an error of its own; this is a system in trouble, which is still no reason for a stack trace.
            return await FailAsync(console, $"{exception.Message} Nothing was changed.", Failed);
        }
    }

    private static bool IsAboutOption(string message) => message.StartsWith(NoSuchOption, StringComparison.Ordinal);

    // Nobody who was asked for nothing has done it: a script that lost its arguments should notice.
    private static async Task<int> HelpAsync(RootCommand root, ToolConsole console)
    {
        using var printed = new StringWriter { NewLine = "\n" };
        await root.Parse(["--help"]).InvokeAsync(new InvocationConfiguration { Output = printed, Error = console.Error });
        await console.Error.WriteAsync(printed.ToString());
        return Wrong;
    }

    // The last look at whatever is said: a key in the place of a file's name is not said aloud either.
    private static async Task<int> FailAsync(ToolConsole console, string message, int code)
    {
        await console.Error.WriteLineAsync("error: " + SecretText.Mask(OneLine(message)));
        return code;
    }

    private static RootCommand Build(ToolConsole console)
    {
        var cipher = new Option<string?>("--crypto-plugin")
        {
            Description = "How the file is encrypted. Default: fernet; decrypt and edit find it from the file.",
            HelpName = string.Join('|', AcctCiphers.Names),
            Recursive = true,
        };
        cipher.AcceptOnlyFromAmong([.. AcctCiphers.Names]);

        var root = new RootCommand(
            """
            Encrypts, decrypts and edits files of credentials.

              acct encrypt credentials.yml      writes credentials.yml.fernet and prints its new key
              acct decrypt credentials.yml.fernet
              acct edit credentials.yml.fernet
              acct credentials.yml              the old form of encrypt: says where the file is, and the key

            The key comes from ACCT_KEY, --acct-key-file or --acct-key-command; --acct-key works, but others can see it.
            """);
        AcctOptions.AddTo(root, withProfiles: false);
        root.Options.Add(cipher);
        var version = root.Options.OfType<VersionOption>().Single();
        version.Action = new PrintVersion();

        // Hidden, or the help of every subcommand would show it as well.
        var plain = Input("The YAML file to encrypt. It stays.");
        plain.Hidden = true;
        root.Arguments.Add(plain);
        root.SetAction((result, cancellationToken) => new EncryptCommand(console).RunOldFormAsync(
            result.GetValue(plain), Options(result, cipher, console), cancellationToken));

        root.Subcommands.Add(Encrypt(cipher, console));
        root.Subcommands.Add(Decrypt(cipher, console));
        root.Subcommands.Add(Edit(cipher, console));
        return root;
    }

    private static Command Encrypt(Option<string?> cipher, ToolConsole console)
    {
        var input = Input("The YAML file to encrypt. It stays.");
        var output = OutputFile("Where to write. Default: <input>.<cipher>.");
        var command = new Command("encrypt", "Encrypts a YAML file. Prints the key, and only if it made one: export ACCT_KEY=$(acct encrypt credentials.yml)");
        command.Arguments.Add(input);
        command.Options.Add(output);
        command.SetAction((result, cancellationToken) => new EncryptCommand(console).RunAsync(
            result.GetValue(input), result.GetValue(output), Options(result, cipher, console), cancellationToken));
        return command;
    }

    private static Command Decrypt(Option<string?> cipher, ToolConsole console)
    {
        var input = Input("The encrypted file. Default: --acct-file.");
        var format = Format("What to print: yaml or json.");
        var command = new Command("decrypt", "Prints an encrypted file in clear on standard output.");
        command.Arguments.Add(input);
        command.Options.Add(format);
        command.SetAction((result, cancellationToken) => new DecryptCommand(console).RunAsync(
            result.GetValue(input), result.GetValue(format)!, Options(result, cipher, console), cancellationToken));
        return command;
    }

    private static Command Edit(Option<string?> cipher, ToolConsole console)
    {
        var input = Input("The encrypted file. Default: --acct-file.");
        var format = Format("What the editor gets: yaml or json.");
        var output = OutputFile("Where to write. Default: the input.");
        var editor = new Option<string?>("--editor") { Description = "The editor, with its arguments. Default: EDITOR, else vi. [env: EDITOR]", HelpName = "COMMAND" };
        var command = new Command("edit", "Opens an encrypted file in an editor and encrypts what it leaves. An editor that ends with an error changes nothing.");
        command.Arguments.Add(input);
        command.Options.Add(editor);
        command.Options.Add(format);
        command.Options.Add(output);
        command.SetAction((result, cancellationToken) => new EditCommand(console).RunAsync(
            new EditRequest(result.GetValue(input), result.GetValue(output), result.GetValue(editor), result.GetValue(format)!),
            Options(result, cipher, console), cancellationToken));
        return command;
    }

    private static string OneLine(string message) => string.Join(' ', message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    private static Argument<string?> Input(string description)
    {
        var input = new Argument<string?>("input_file") { Description = description, Arity = ArgumentArity.ZeroOrOne };
        // A mistyped option is no file.
        input.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: ['-', _, ..] and var value }])
                result.AddError($"{NoSuchOption} '{value}'. A file whose name begins like that is written with './' before it.");
        });
        return input;
    }

    private static Option<string?> OutputFile(string description) => new("--output-file") { Description = description, HelpName = "FILE" };

    private static Option<string> Format(string description)
    {
        var option = new Option<string>("--output") { Description = description, HelpName = "yaml|json", DefaultValueFactory = _ => "yaml" };
        option.AcceptOnlyFromAmong("yaml", "json");
        return option;
    }

    private static AcctOptions Options(ParseResult result, Option<string?> cipher, ToolConsole console)
    {
        var options = AcctOptions.From(result, environment: console.Environment);
        return result.GetValue(cipher) is { } name ? options with { Cipher = AcctCiphers.Parse(name) } : options;
    }

    // The library's own would name the version of the program that runs it, such as a test.
    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override bool Terminating => true;

        public override int Invoke(ParseResult parseResult)
        {
            var version = typeof(AcctTool).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            parseResult.InvocationConfiguration.Output.WriteLine($"acct {version.Split('+')[0]}");
            return 0;
        }
    }
}
