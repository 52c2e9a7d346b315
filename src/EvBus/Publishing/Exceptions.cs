namespace EvBus;

/// <summary>Something in our world went wrong: a file, a profile, a destination. Misuse of the API throws the CLR's own exceptions instead.</summary>
public class EvBusException : Exception
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public EvBusException() { }

    /// <summary>Makes one that says what happened and what to do about it, without secrets.</summary>
    public EvBusException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public EvBusException(string message, Exception? innerException) : base(message, innerException) { }

    /// <summary>Whether the same call may succeed later without anybody changing anything. Default: no.</summary>
    public bool IsTransient { get; init; }
}

/// <summary>Thrown by a publisher or a delegate to say that the destination will never take this event: it is bisected out of its batch and becomes a dead letter with this reason.</summary>
public sealed class RejectEventException : EvBusException
{
    /// <summary>Makes one with a general reason; prefer the others.</summary>
    public RejectEventException() : base("rejected by the publisher") { }

    /// <summary>Makes one; the message stays with the dead letter as its reason.</summary>
    public RejectEventException(string reason) : base(reason) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public RejectEventException(string reason, Exception? innerException) : base(reason, innerException) { }
}

/// <summary>Settings or a profile cannot work as they are: every error found, each with its place and the remedy.</summary>
public sealed class EvBusConfigurationException : EvBusException
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public EvBusConfigurationException() { }

    /// <summary>Makes one from a single error.</summary>
    public EvBusConfigurationException(string message) : base(message) => Errors = [message];

    /// <summary>Makes one from a single error with the exception behind it.</summary>
    public EvBusConfigurationException(string message, Exception? innerException) : base(message, innerException) => Errors = [message];

    /// <summary>Makes one from all errors at once.</summary>
    public EvBusConfigurationException(IReadOnlyList<string> errors) : base(string.Join(Environment.NewLine, errors)) => Errors = errors;

    /// <summary>The errors, one line each.</summary>
    public IReadOnlyList<string> Errors { get; } = [];
}
