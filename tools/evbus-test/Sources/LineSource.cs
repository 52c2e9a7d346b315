using System.Globalization;

namespace EvBus.Tools.Tester.Sources;

/// <summary>Cuts a stream into lines: bytes as they are, without the line's end (LF or CR LF); empty lines are skipped, the last may have no end.</summary>
internal sealed class LineSource(Stream stream, string name, int maxBytes)
{
    private static readonly byte[] s_mark = [0xEF, 0xBB, 0xBF];

    private byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;
    private long _line;
    private bool _ended;
    private bool _isBegun;

    /// <summary>The next line, valid until the next call; null at the end.</summary>
    /// <exception cref="InputException">A line is too long, or the stream cannot be read.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (IsBeginKnown() && TryCut() is { } line)
                return line;
            if (_ended && _isBegun)
                return null;
            await FillAsync(cancellationToken);
        }
    }

    // The mark of UTF-8 at the beginning says how the text is written and is no part of it. That of UTF-16 says that these are no lines of bytes.
    private bool IsBeginKnown()
    {
        if (_isBegun)
            return true;
        var begin = _buffer.AsSpan(_start, _end - _start);
        if (begin is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new InputException($"{name}: it is UTF-16, and UTF-8 is read here. Change it with: iconv -f UTF-16 -t UTF-8. Nothing of it was put on the bus.");
        if (!_ended && (s_mark.AsSpan().StartsWith(begin) && begin.Length < s_mark.Length || begin is [0xFF] or [0xFE]))
            return false;
        if (begin.StartsWith(s_mark))
            _start += s_mark.Length;
        return _isBegun = true;
    }

    private ReadOnlyMemory<byte>? TryCut()
    {
        while (_start < _end)
        {
            var rest = _buffer.AsSpan(_start, _end - _start);
            var length = rest.IndexOf((byte)'\n');
            var step = length + 1;
            if (length < 0)
            {
                // One byte more than allowed may be the CR of the line's end.
                if (rest.Length > maxBytes + 1)
                    throw TooLong();
                if (!_ended)
                    return null;
                step = length = rest.Length;
            }
            _line++;
            var from = _start;
            _start += step;
            if (length > 0 && _buffer[from + length - 1] == '\r')
                length--;
            if (length > maxBytes)
                throw TooLong(isCounted: true);
            if (length > 0)
                return _buffer.AsMemory(from, length);
        }
        return null;
    }

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        try
        {
            // A read of standard input cannot be cancelled; the wait for it can.
            var read = await stream.ReadAsync(_buffer.AsMemory(_end), CancellationToken.None).AsTask().WaitAsync(cancellationToken);
            _end += read;
            _ended = read == 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{name} cannot be read behind line {_line}: {e.Message}");
        }
    }

    private InputException TooLong(bool isCounted = false) => new(string.Create(CultureInfo.InvariantCulture,
        $"{name}, line {(isCounted ? _line : _line + 1)}: it is longer than {maxBytes:N0} bytes, the most an event may have. Make it shorter, or split it into lines; the lines before it were put on the bus."));
}

/// <summary>The input cannot be used; the message is for the user.</summary>
internal sealed class InputException(string message) : Exception(message);
