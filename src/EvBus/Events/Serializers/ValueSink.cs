namespace EvBus.Serializers;

/// <summary>Takes a value apart into calls, in order. One value for each sink; not thread-safe.</summary>
internal abstract class ValueSink
{
    public abstract void Null();

    public abstract void Boolean(bool value);

    /// <summary>A whole number of any size, as ASCII digits.</summary>
    public abstract void Integer(ReadOnlySpan<byte> digits);

    public abstract void Float(double value);

    /// <summary>A float of fewer bits, whose shortest digits differ from those of the double.</summary>
    public virtual void Float(float value) => Float((double)value);

    /// <summary>A number exactly as JSON wrote it.</summary>
    public abstract void NumberToken(ReadOnlySpan<byte> token);

    public abstract void String(ReadOnlySpan<char> value);

    public abstract void Bytes(ReadOnlySpan<byte> value);

    public abstract void BeginMap();

    public abstract void Key(object key);

    public abstract void EndMap();

    public abstract void BeginList();

    public abstract void EndList();
}
