namespace EvBus.Acct;

/// <summary>A key for the journal on disk, from where keys of acct files come.</summary>
public static class AcctJournalKey
{
    /// <summary>Reads the key that these options name (<see cref="AcctOptions.Key"/>, <see cref="AcctOptions.KeyFile"/>, <see cref="AcctOptions.KeyCommand"/>) as a journal's key, for <see cref="JournalOptions.Key"/>.</summary>
    /// <param name="options">Where the key is. It may be the acct file's own: what the journal is encrypted with is derived from it.</param>
    /// <param name="cancellationToken">Ends the wait for a key command.</param>
    /// <returns>The key; null when the options name none.</returns>
    /// <exception cref="AcctException">The source gives no key, or a malformed one; the message never shows it.</exception>
    public static async Task<JournalKey?> ReadJournalKeyAsync(this AcctOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var key = await AcctKeySource.ResolveAsync(options, null, cancellationToken).ConfigureAwait(false);
        return key is null ? null : JournalKey.Parse(key.Reveal());
    }
}
