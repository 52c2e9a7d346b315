using System.Text;
using EvBus.Files;

namespace EvBus.Tools.Acct;

internal static class StandardStreams
{
    /// <summary>Standard output that says so when nobody reads it any more: the console's own hides that, and a key would be lost without a word.</summary>
    public static TextWriter OpenOutput()
    {
        try
        {
            var stream = StandardOutput.Open();
            // Only a terminal has characters of its own: a file is UTF-8, or passwords would change with the locale.
            return Console.IsOutputRedirected ? new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) : Console.Out;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new Closed();
        }
    }

    /// <summary>There is no standard output, which the first writing to it says.</summary>
    private sealed class Closed : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw new UnauthorizedAccessException("it is closed");
    }

    /// <summary>Standard error, as far as there is one: what cannot be said must not end the program, whose exit code says it as well.</summary>
    public static TextWriter OpenError() => new Patient(Console.Error);

    private sealed class Patient(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

        public override void Flush() => Try(inner.Flush);

        private static void Try(Action write)
        {
            try
            {
                write();
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // There is nowhere left to say it.
            }
        }
    }
}
