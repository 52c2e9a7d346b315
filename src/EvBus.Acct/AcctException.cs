namespace EvBus.Acct;

/// <summary>What is wrong with an acct file, its key or its contents.</summary>
public enum AcctFault
{
    /// <summary>The file cannot be opened or read: it is missing, forbidden, or a folder.</summary>
    Unreadable,

    /// <summary>The file is larger than the limit.</summary>
    TooLarge,

    /// <summary>The file is encrypted, and no key was given.</summary>
    NoKey,

    /// <summary>The key itself is malformed, or its source gave none.</summary>
    BadKey,

    /// <summary>The key is well-formed but does not open the file: another key, or a file changed since.</summary>
    WrongKey,

    /// <summary>The contents are not what the cipher makes: plain text, or a file of another kind.</summary>
    NotAToken,

    /// <summary>The contents begin like encrypted ones but are cut short or broken.</summary>
    Damaged,

    /// <summary>What was inside, or the plain file, cannot be read as YAML, MessagePack or JSON, or has the wrong shape.</summary>
    BadContent,
}

/// <summary>An acct file cannot be read or written. The message names the file, the cipher, what is wrong and what to do; never a key or a value.</summary>
public sealed class AcctException : EvBusException
{
    /// <summary>Makes one without words; prefer the others.</summary>
    public AcctException() { }

    /// <summary>Makes one that says what happened.</summary>
    public AcctException(string message) : base(message) { }

    /// <summary>Makes one with the exception behind it.</summary>
    public AcctException(string message, Exception? innerException) : base(message, innerException) { }

    /// <summary>Makes one of a kind.</summary>
    public AcctException(AcctFault fault, string message, Exception? innerException = null) : base(message, innerException) => Fault = fault;

    /// <summary>Which of the possible things is wrong.</summary>
    public AcctFault Fault { get; init; }
}
