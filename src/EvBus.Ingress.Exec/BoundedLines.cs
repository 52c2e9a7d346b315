using System.Text;

namespace EvBus.Ingress.Exec;

/// <summary>Lines of UTF-8 that a program writes, however long it makes them: more than <see cref="Most"/> bytes of one are never kept. For one thread.</summary>
internal sealed class BoundedLines(Stream stream)
{
    /// <summary>Bytes of a line, without its end.</summary>
    public const int Most = 64 << 10;

    private readonly byte[] _buffer = new byte[Most + 2];
    private int _from;
    private int _to;
    private bool _hasBegun;
    private bool _isSkipping;

    /// <summary>The next line without its end, and whether there is more of it that was left out. Null at the end.</summary>
    public async ValueTask<(string? Line, bool IsCut)> ReadAsync(CancellationToken cancellationToken)
    {
        for (var seen = _from; ;)
        {
            var end = Array.IndexOf(_buffer, (byte)'\n', seen, _to - seen);
            if (_isSkipping)
            {
                _from = end < 0 ? _to : end + 1;
                (_isSkipping, seen) = (end < 0, _from);
                if (end >= 0)
                    continue;
            }
            else if (end >= 0)
            {
                var line = Take(end);
                _from = end + 1;
                return (line, false);
            }
            else if (_to - _from > Most)
            {
                var line = Take(_from + Most);
                (_from, _isSkipping) = (_to, true);
                return (line, true);
            }
            _buffer.AsSpan(_from.._to).CopyTo(_buffer);
            (_from, _to) = (0, _to - _from);
            seen = _to;
            var read = await stream.ReadAsync(_buffer.AsMemory(_to), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                var rest = _to > 0 ? Take(_to) : null;
                _to = 0;
                return (rest, false);
            }
            _to += read;
        }
    }

    private string Take(int end)
    {
        var line = _buffer.AsSpan(_from..end);
        if (line is [.., (byte)'\r'])
            line = line[..^1];
        if (!_hasBegun && line.StartsWith("\uFEFF"u8))
            line = line[3..];
        _hasBegun = true;
        return Encoding.UTF8.GetString(line);
    }
}

/// <summary>What a program says, fit for a log, a status and a dead letter.</summary>
internal static class Words
{
    /// <summary>Characters of a reason.</summary>
    public const int MostInReason = 2000;

    /// <summary>The text on one line, without control characters, and at most so many characters of it.</summary>
    public static string OneLine(string text, int most)
    {
        var isCut = text.Length > most;
        if (isCut)
            text = text[..(char.IsHighSurrogate(text[most - 1]) ? most - 1 : most)];
        if (text.Any(IsBreak))
            text = string.Concat(text.Select(each => IsBreak(each) ? ' ' : each));
        return isCut ? text + "…" : text;
    }

    private static bool IsBreak(char each) => char.IsControl(each) || each is '\u2028' or '\u2029';
}
