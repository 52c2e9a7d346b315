using System.Buffers;
using System.Text;

namespace EvBus;

/// <summary>
/// A text with places for an event's attributes, for topics, keys and routing keys: <c>orders.{subject}</c>, <c>{key|none}</c>, <c>{ext:region}</c>.
/// Confined: values are inserted as they are and never read as a template again, nothing is computed, and a value with a control character rejects its event.
/// </summary>
/// <remarks>
/// Places are <c>{subject}</c>, <c>{profile}</c>, <c>{type}</c>, <c>{source}</c>, <c>{key}</c>, <c>{id}</c> and <c>{ext:NAME}</c>; <c>{{</c> and <c>}}</c> are the
/// braces themselves. An attribute that is missing or empty gives what stands behind <c>|</c>, else nothing. Immutable but for a small cache
/// of what it made last, so that values that repeat make no garbage; safe from any thread.
/// </remarks>
public sealed class EventTemplate
{
    /// <summary>Longer results are made anew each time: the cache would hold their memory for nothing.</summary>
    private const int CachedBytes = 512;

    private const string Names = "{subject}, {profile}, {type}, {source}, {key}, {id}, {ext:NAME}";

    private static readonly SearchValues<byte> s_suspects = SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(i => (byte)i), 0x7F, 0xC2]);

    private readonly Part[] _parts;
    private readonly string? _constant;
    private readonly Made?[]? _cache;

    private EventTemplate(string text, Part[] parts)
    {
        Text = text;
        _parts = parts;
        if (Array.TrueForAll(parts, part => part.IsLiteral))
            _constant = string.Concat(parts.Select(part => Encoding.UTF8.GetString(part.Literal)));
        else if (!Array.Exists(parts, part => part.Name == "id"))
            _cache = new Made?[64];
    }

    /// <summary>The template as it was written.</summary>
    public string Text { get; }

    /// <summary>Whether every event gives the same text.</summary>
    public bool IsConstant => _constant is not null;

    /// <summary>The text that every event gives; null when it depends on the event.</summary>
    public string? Constant => _constant;

    /// <summary>Reads a template.</summary>
    /// <param name="text">The template; may be empty, which is the empty constant.</param>
    /// <exception cref="FormatException">It is none; the message names the position (the first character is 1) and the names there are.</exception>
    public static EventTemplate Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = new List<Part>();
        var literal = new StringBuilder();
        for (var at = 0; at < text.Length; at++)
        {
            var c = text[at];
            if (c is '{' or '}' && at + 1 < text.Length && text[at + 1] == c)
            {
                literal.Append(c);
                at++;
            }
            else if (c == '}')
            {
                throw Wrong(text, at, "a '}' without its '{'; the brace itself is written '}}'");
            }
            else if (c != '{')
            {
                literal.Append(c);
            }
            else
            {
                var end = text.AsSpan(at + 1).IndexOfAny('{', '}');
                if (end < 0 || text[at + 1 + end] == '{')
                    throw Wrong(text, at, "a '{' without its '}'; the brace itself is written '{{'");
                if (literal.Length > 0)
                    parts.Add(Part.Of(literal.ToString()));
                literal.Clear();
                parts.Add(Place(text, at, text.Substring(at + 1, end)));
                at += end + 1;
            }
        }
        if (literal.Length > 0)
            parts.Add(Part.Of(literal.ToString()));
        return new EventTemplate(text, [.. parts]);
    }

    /// <summary>The text for an event. A result that was made lately is the same object again.</summary>
    /// <exception cref="RejectEventException">An attribute has a control character; the reason names the attribute.</exception>
    public string Format(in EventView evt)
    {
        if (_constant is not null)
            return _constant;
        var made = new Builder(stackalloc byte[CachedBytes]);
        try
        {
            Build(in evt, ref made);
            return Intern(made.Bytes);
        }
        finally
        {
            made.Dispose();
        }
    }

    /// <summary>Appends the text for an event as UTF-8, without making a string.</summary>
    /// <exception cref="RejectEventException">An attribute has a control character; the reason names the attribute. Nothing was appended.</exception>
    public void Format(in EventView evt, IBufferWriter<byte> target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var made = new Builder(stackalloc byte[CachedBytes]);
        try
        {
            Build(in evt, ref made);
            target.Write(made.Bytes);
        }
        finally
        {
            made.Dispose();
        }
    }

    /// <summary>The template as it was written.</summary>
    public override string ToString() => Text;

    private static Part Place(string text, int at, string inside)
    {
        var bar = inside.IndexOf('|', StringComparison.Ordinal);
        var name = bar < 0 ? inside : inside[..bar];
        var isKnown = name is "subject" or "profile" or "type" or "source" or "key" or "id" || name is ['e', 'x', 't', ':', _, ..];
        return isKnown
            ? Part.Of(name, bar < 0 ? "" : inside[(bar + 1)..])
            : throw Wrong(text, at, $"'{{{name}}}' is no attribute of an event");
    }

    private static FormatException Wrong(string text, int at, string what) =>
        new($"The template '{text}' has, at position {at + 1}, {what}. There are: {Names}; with a default: {{subject|none}}.");

    private void Build(in EventView evt, ref Builder made)
    {
        var record = evt.Record.Span;
        foreach (var part in _parts)
        {
            if (part.IsLiteral)
                made.Add(part.Literal);
            else
                Insert(part, in evt, record, ref made);
        }
    }

    private static void Insert(Part part, in EventView evt, ReadOnlySpan<byte> record, ref Builder made)
    {
        ReadOnlySpan<byte> value;
        if (part.Extension is not null)
            EventCodec.TryFindExtension(record, part.Extension, out value);
        else
            EventCodec.TryFind(record, part.Tag, out value);
        if (value.Length > 0)
        {
            Check(part, value);
            made.Add(value);
            return;
        }
        // What the record leaves out is what everybody's is: the id of the door, the names of the bus.
        var missing = part.Tag switch
        {
            EventCodec.Tag.Id => evt.Id,
            EventCodec.Tag.Source => evt.DefaultSource,
            EventCodec.Tag.Type => evt.DefaultType,
            _ => "",
        };
        if (missing.Length == 0)
            made.Add(part.Literal);
        else
            made.Add(missing);
    }

    private static void Check(Part part, ReadOnlySpan<byte> value)
    {
        for (var rest = value; rest.IndexOfAny(s_suspects) is >= 0 and var at; rest = rest[(at + 1)..])
        {
            // U+0080 to U+009F are C2 80 to C2 9F.
            if (rest[at] != 0xC2 || (at + 1 < rest.Length && rest[at + 1] < 0xA0))
                throw new RejectEventException($"its {part.Name} has a control character, which no topic, key or routing key may have");
        }
    }

    private string Intern(ReadOnlySpan<byte> bytes)
    {
        if (_cache is null || bytes.Length > CachedBytes)
            return Encoding.UTF8.GetString(bytes);
        var hash = new HashCode();
        hash.AddBytes(bytes);
        ref var place = ref _cache[(uint)hash.ToHashCode() % (uint)_cache.Length];
        var found = Volatile.Read(ref place);
        if (found is null || !bytes.SequenceEqual(found.Bytes))
            Volatile.Write(ref place, found = new Made(bytes.ToArray(), Encoding.UTF8.GetString(bytes)));
        return found.Text;
    }

    private sealed record Made(byte[] Bytes, string Text);

    /// <summary>A literal, or an attribute whose literal is its default.</summary>
    private sealed record Part(byte[] Literal, string? Name, EventCodec.Tag Tag, byte[]? Extension)
    {
        public bool IsLiteral => Name is null;

        public static Part Of(string literal) => new(Encoding.UTF8.GetBytes(literal), null, default, null);

        public static Part Of(string name, string missing) => new(
            Encoding.UTF8.GetBytes(missing),
            name,
            name switch
            {
                "subject" => EventCodec.Tag.Subject,
                "profile" => EventCodec.Tag.Profile,
                "type" => EventCodec.Tag.Type,
                "source" => EventCodec.Tag.Source,
                "key" => EventCodec.Tag.Key,
                "id" => EventCodec.Tag.Id,
                _ => EventCodec.Tag.Extension,
            },
            name.StartsWith("ext:", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(name[4..]) : null);
    }

    /// <summary>Bytes on the stack, and in a rented array when there are many.</summary>
    private ref struct Builder(Span<byte> first)
    {
        private Span<byte> _target = first;
        private byte[]? _rented;
        private int _length;

        public readonly ReadOnlySpan<byte> Bytes => _target[.._length];

        public void Add(ReadOnlySpan<byte> bytes)
        {
            Ensure(bytes.Length);
            bytes.CopyTo(_target[_length..]);
            _length += bytes.Length;
        }

        public void Add(string text)
        {
            Ensure(Encoding.UTF8.GetByteCount(text));
            _length += Encoding.UTF8.GetBytes(text, _target[_length..]);
        }

        public void Dispose()
        {
            if (_rented is not null)
                ArrayPool<byte>.Shared.Return(_rented);
            _rented = null;
        }

        private void Ensure(int more)
        {
            if (_length + more <= _target.Length)
                return;
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_length + more, _target.Length * 2));
            Bytes.CopyTo(larger);
            Dispose();
            _target = _rented = larger;
        }
    }
}
