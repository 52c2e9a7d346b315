using System.Text;
using EvBus.Files;

namespace EvBus.Tools.Tester;

/// <summary>The standard streams of a process that may have been started without them, or with full ones.</summary>
internal static class StandardStreams
{
    /// <summary>Standard output; one that is closed says so when it is written to.</summary>
    public static Stream OpenOutput()
    {
        try
        {
            return StandardOutput.Open();
        }
        catch (Exception e) when (IsRefused(e))
        {
            return new ClosedStream();
        }
    }

    /// <summary>Standard error, as far as there is one: what cannot be said must not end the program, whose exit code says it as well.</summary>
    public static TextWriter OpenError() => StandardOutput.IsInherited(2) ? new Patient(Console.Error) : TextWriter.Null;

    /// <summary>What a stream of the system throws that takes nothing: it is full, closed, or open for reading only.</summary>
    public static bool IsRefused(Exception exception) => exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

    private sealed class Patient(TextWriter inner) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => Try(() => inner.Write(value));

        public override void Write(char[] buffer, int index, int count) => Try(() => inner.Write(buffer, index, count));

        public override void Write(string? value) => Try(() => inner.Write(value));

        public override void WriteLine(string? value) => Try(() => inner.WriteLine(value));

        public override void Flush() => Try(inner.Flush);

        private static void Try(Action write)
        {
            try
            {
                write();
            }
            catch (Exception e) when (IsRefused(e))
            {
                // There is nowhere left to say it.
            }
        }
    }
}

/// <summary>A standard stream that the process was started without.</summary>
internal sealed class ClosedStream : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new IOException("it is closed");

    public override void Write(byte[] buffer, int offset, int count) => throw new IOException("it is closed");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
