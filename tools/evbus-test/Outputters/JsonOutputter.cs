using System.Buffers;
using System.Text;
using EvBus.Serializers;
using EvBus.Tools.Tester.Values;

namespace EvBus.Tools.Tester.Outputters;

/// <summary>Python's <c>json.dumps(value, indent=4)</c>. Bytes, which that refuses, are printed in base64.</summary>
internal sealed class JsonOutputter : Outputter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    public override string Format(object? value)
    {
        _buffer.ResetWrittenCount();
        Tree.Write(value, new JsonSink(_buffer, JsonStyle.PythonIndented));
        return Encoding.ASCII.GetString(_buffer.WrittenSpan);
    }
}
