using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;

namespace EvBus.Acct;

/// <summary>Decrypted bytes in a pooled array that is zeroed before anybody else gets it.</summary>
[DebuggerDisplay("***")]
[DebuggerTypeProxy(typeof(Redacted))]
internal sealed class SecretBytes(int capacity) : IDisposable
{
    private byte[]? _bytes = ArrayPool<byte>.Shared.Rent(capacity);
    private int _length;

    public Span<byte> Buffer => _bytes.AsSpan(0, capacity);

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

    public void SetLength(int length) => _length = length;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _bytes, null) is not { } bytes)
            return;
        CryptographicOperations.ZeroMemory(bytes.AsSpan(0, capacity));
        ArrayPool<byte>.Shared.Return(bytes);
    }

    public override string ToString() => "***";
}

/// <summary>What the debugger shows of a thing that holds secrets: nothing.</summary>
internal sealed class Redacted
{
    public Redacted(object secret) => _ = secret;
}
