using System.Buffers;
using System.Text;

namespace EvBus.Serializers;

internal sealed class JsonEventSerializer(string name, JsonStyle style) : EventSerializer
{
    public override string Name => name;

    public override string ContentType => "application/json";

    public override void Serialize<T>(T value, IBufferWriter<byte> target)
    {
        ArgumentNullException.ThrowIfNull(target);
        ValueWalker.Write(value, typeof(T), new JsonSink(target, style));
    }
}

internal sealed class MessagePackEventSerializer : EventSerializer
{
    public override string Name => "msgpack";

    public override string ContentType => "application/msgpack";

    public override void Serialize<T>(T value, IBufferWriter<byte> target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var tree = new TreeSink();
        ValueWalker.Write(value, typeof(T), tree);
        try
        {
            MessagePackCodec.Encode(tree.Root, target);
        }
        catch (EncoderFallbackException e)
        {
            throw new NotSupportedException("A text holds half of a surrogate pair, which UTF-8 has no bytes for. Remove it, or choose the serializer 'json', which escapes it.", e);
        }
    }
}

internal sealed class TextEventSerializer : EventSerializer
{
    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    public override string Name => "str";

    public override string ContentType => "text/plain; charset=utf-8";

    public override void Serialize<T>(T value, IBufferWriter<byte> target)
    {
        ArgumentNullException.ThrowIfNull(target);
        var text = value as string;
        if (text is null)
        {
            var printed = new StringBuilder();
            if (value is char c)
                printed.Append(c);
            else
                ValueWalker.Write(value, typeof(T), new ReprSink(printed));
            text = printed.ToString();
        }
        try
        {
            s_strict.GetBytes(text, target);
        }
        catch (EncoderFallbackException e)
        {
            throw new NotSupportedException("The text holds half of a surrogate pair, which UTF-8 has no bytes for. Remove it, or choose the serializer 'json', which escapes it.", e);
        }
    }
}
