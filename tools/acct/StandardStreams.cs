using System.Text;
using Microsoft.Win32.SafeHandles;

namespace EvBus.Tools.Acct;

internal static class StandardStreams
{
    /// <summary>Standard output that says so when nobody reads it any more: the console's own hides that, and a key would be lost without a word.</summary>
    public static TextWriter OpenOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.Out;
        try
        {
            var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            // On a regular file it would write at offsets of its own, over what standard error puts into the same file.
            return stream.CanSeek ? Console.Out : new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // It is closed, which the first writing to it says.
            return Console.Out;
        }
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
