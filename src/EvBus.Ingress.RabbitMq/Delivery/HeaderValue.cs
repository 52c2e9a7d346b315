using System.Collections;
using System.Globalization;
using System.Text;

namespace EvBus.Ingress.RabbitMq;

/// <summary>One header of a profile: the same value for every event, or a template whose text may become a number or a truth value.</summary>
internal sealed class HeaderValue
{
    private readonly EventTemplate? _template;
    private readonly object? _constant;
    private readonly RabbitMqHeaderType _type;
    private readonly bool _isList;

    public HeaderValue(string name, string text, RabbitMqHeaderType type)
    {
        Name = name;
        _type = type;
        // Sender-selected distribution: the broker takes lists only, also of one.
        _isList = name is "CC" or "BCC";
        _template = EventTemplate.Parse(text);
        if (_template.Constant is { } constant)
            _constant = Convert(constant);
    }

    public HeaderValue(string name, object value) => (Name, _constant) = (name, value);

    public string Name { get; }

    /// <summary>The value for an event; null when it gives nothing.</summary>
    /// <exception cref="RejectEventException">The event's text is no such number or truth value.</exception>
    public object? Get(in EventView evt) => _template is null or { IsConstant: true } ? _constant : Convert(_template.Format(in evt));

    /// <summary>The bytes of a value in a table of AMQP, with its type.</summary>
    public static int Length(object? value) => value switch
    {
        null => 1,
        bool => 2,
        long or double => 9,
        string text => 5 + Encoding.UTF8.GetByteCount(text),
        byte[] bytes => 5 + bytes.Length,
        IEnumerable several => 5 + several.Cast<object?>().Sum(Length),
        _ => 9,
    };

    private object? Convert(string text)
    {
        if (text.Length == 0)
            return null;
        if (_isList)
            return new object[] { text };
        return _type switch
        {
            RabbitMqHeaderType.Integer when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
            RabbitMqHeaderType.Double when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            RabbitMqHeaderType.Boolean when bool.TryParse(text, out var truth) => truth,
            RabbitMqHeaderType.Text => text,
            _ => throw new RejectEventException($"its header '{Name}' would not be {Words(_type)}, which header_types says it is"),
        };
    }

    private static string Words(RabbitMqHeaderType type) => type switch
    {
        RabbitMqHeaderType.Integer => "a whole number",
        RabbitMqHeaderType.Double => "a number",
        _ => "true or false",
    };
}
