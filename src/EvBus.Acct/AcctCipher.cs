namespace EvBus.Acct;

/// <summary>How an acct file is encrypted.</summary>
public enum AcctCipher
{
    /// <summary>A Fernet token: AES-128-CBC, authenticated by HMAC-SHA256. What acct writes unless told otherwise.</summary>
    Fernet,

    /// <summary>AES-256-GCM: 12 bytes of nonce, the ciphertext, 16 bytes of tag.</summary>
    AesGcm256,
}

/// <summary>The ciphers' names, as on the command line and in file names.</summary>
public static class AcctCiphers
{
    /// <summary>All names.</summary>
    public static IReadOnlyList<string> Names { get; } = ["fernet", "aesgcm256"];

    /// <summary>The name of a cipher.</summary>
    public static string NameOf(AcctCipher cipher) => cipher == AcctCipher.Fernet ? Names[0] : Names[1];

    /// <summary>The cipher of that name.</summary>
    /// <exception cref="EvBusConfigurationException">There is none.</exception>
    public static AcctCipher Parse(string name) => name switch
    {
        "fernet" => AcctCipher.Fernet,
        "aesgcm256" => AcctCipher.AesGcm256,
        _ => throw new EvBusConfigurationException($"There is no cipher called '{name}'. There are: {string.Join(", ", Names)}."),
    };

    /// <summary>Which cipher a file was written with: by its extension, else by how it begins.</summary>
    internal static AcctCipher Detect(string? path, ReadOnlySpan<byte> contents)
    {
        if (path is not null && path.EndsWith(".aesgcm256", StringComparison.OrdinalIgnoreCase))
            return AcctCipher.AesGcm256;
        if (path is not null && path.EndsWith(".fernet", StringComparison.OrdinalIgnoreCase))
            return AcctCipher.Fernet;
        // A nonce and a ciphertext are random: that 28 bytes of them happen to be UTF-8 is less likely than one in a million.
        return FernetCipher.LooksLikeToken(contents) || System.Text.Unicode.Utf8.IsValid(contents) ? AcctCipher.Fernet : AcctCipher.AesGcm256;
    }
}
