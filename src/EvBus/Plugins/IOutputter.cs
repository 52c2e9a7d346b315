namespace EvBus;

/// <summary>Turns an event into text for people or other programs. Called by one thread at a time.</summary>
public interface IOutputter
{
    /// <summary>The text of an event, without the line break behind it.</summary>
    string Format(BusEvent evt);
}
