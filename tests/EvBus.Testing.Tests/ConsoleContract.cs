using System.IO.Pipes;
using System.Text;
namespace EvBus.Testing.Tests;

/// <summary>The console publisher, into a pipe of the system as standard output is one.</summary>
public sealed class ConsoleContract : PublisherContract
{
    protected override ValueTask<PublisherHarness> CreateHarnessAsync(CancellationToken cancellationToken)
    {
        var pipe = new Piped();
        var together = new Lock();
        return new(new PublisherHarness
        {
            Name = "console",
            Create = _ => new ConsolePublisher(pipe, together, isCloudEvents: true),
            Read = async cancellationToken => (await pipe.ReadAllAsync(cancellationToken)).Split('\n')[..^1].Select(line => ReceivedEvent.FromCloudEvent(Encoding.UTF8.GetBytes(line))).ToList(),
            Limits = new PublisherLimits
            {
                Cut = "a stream has no connection", Refusal = "it has no credentials", Missing = "there is always an output", Unwanted = "it takes every event",
                Hold = "a pipe that is full holds the call itself", OpenConnections = "a stream has no connection", Secrets = "it has none",
            },
        });
    }

    /// <summary>A pipe of the system's, as standard output is one, and somebody who reads it.</summary>
    private sealed class Piped : Stream
    {
        private readonly AnonymousPipeServerStream _in = new(PipeDirection.In);
        private readonly AnonymousPipeClientStream _out;
        private readonly MemoryStream _read = new();
        private readonly SemaphoreSlim _more = new(0);
        private long _written;

        public Piped()
        {
            _out = new AnonymousPipeClientStream(PipeDirection.Out, _in.ClientSafePipeHandle);
            new Thread(ReadOn) { IsBackground = true, Name = "reader of the pipe" }.Start();
        }

        public async Task<string> ReadAllAsync(CancellationToken cancellationToken)
        {
            while (true)
            {
                lock (_read)
                {
                    if (_read.Length == Interlocked.Read(ref _written))
                        return Encoding.UTF8.GetString(_read.ToArray());
                }
                await _more.WaitAsync(cancellationToken);
            }
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _out.Write(buffer);
            Interlocked.Add(ref _written, buffer.Length);
            _more.Release();
        }

        private void ReadOn()
        {
            var buffer = new byte[1 << 16];
            while (_in.Read(buffer) is > 0 and var count)
            {
                lock (_read)
                    _read.Write(buffer.AsSpan(0, count));
                _more.Release();
            }
        }

        public override void Flush() => _out.Flush();

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    }
}

public class ConsoleTests
{
    [Fact]
    public async Task An_output_that_nobody_reads_any_more_is_an_outage()
    {
        await using var publisher = new ConsolePublisher(new Broken(), new Lock(), isCloudEvents: false);
        var result = await publisher.PublishAsync(EventBatch.Of(new BusEvent("x")), default);
        Assert.Equal(Verdict.Disconnected, result.Verdict);
        Assert.Contains("Broken pipe", result.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_profile_has_a_format_and_nothing_else()
    {
        var profile = new Profile("console", "p", new Dictionary<string, object?> { ["format"] = "xml", ["colour"] = "red" });
        Assert.Equal(2, ConsoleIngress.Descriptor.Validate!(profile).Count);
    }

    private sealed class Broken : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("Broken pipe");
    }
}
