namespace EvBus.Journal;

// The next file: a new one, or one that every lane is through with.
internal sealed partial class LogFiles
{
    private void Roll(CommitGroup group, long total)
    {
        CloseCurrent();
        var name = JournalFormat.NameOf(group.FirstByte, group.FirstSequence);
        var length = Math.Max(_fileBytes, JournalFormat.FileHeaderLength + total);
        var salt = _keys is null ? 0 : JournalCipher.NewSalt();
        var mark = FileMark.Of(group.FirstSequence);
        var spare = TakeSpare(JournalFormat.FileHeaderLength + total, mark);
        (mark, length) = spare is { } used ? (mark, used.Length) : (0, length);
        var header = JournalFormat.FileHeader(group.Epoch, group.FirstByte, group.FirstSequence, group.AcceptedBefore, _time.GetUtcNow(), salt, group.IsAfterGap, isReused: mark != 0);
        try
        {
            _writing = spare is { Name: var before } ? OpenAgain(before, name, header) : OpenNew(name, ref length, JournalFormat.FileHeaderLength + total, header);
        }
        catch (Exception e) when (StorageUnavailableException.IsForNow(e))
        {
            // Nothing of the group was written, so nothing stands in the way of another try, once the half-made file is away.
            if (spare is { Name: var half })
                _storage.Delete(half);
            _storage.Delete(name);
            throw e as StorageUnavailableException ?? new StorageUnavailableException(e.Message, e);
        }
        _sealing?.Dispose();
        (_salt, _sealing) = (salt, _keys?.ForSegment(new SegmentSalt(salt, group.Epoch), group.FirstByte));
        _room = length - JournalFormat.FileHeaderLength;
        _current = new LogFile(_storage, name, group.FirstByte, group.FirstSequence, mark, _open) { Epoch = group.Epoch };
        lock (_lock)
            _files.Add(_current);
    }

    private IStorageFile OpenNew(string name, ref long length, long needed, byte[] header)
    {
        var writing = OpenWithRoom(name, ref length, needed);
        try
        {
            writing.Write(0, header);
            writing.Sync();
            _storage.SyncFolder(JournalFormat.LogFolder);
            return writing;
        }
        catch
        {
            writing.Dispose();
            throw;
        }
    }

    /// <summary>On a disk that has no room for a whole file a smaller one does, down to what the group needs.</summary>
    private IStorageFile OpenWithRoom(string name, ref long length, long needed)
    {
        while (true)
        {
            try
            {
                return _storage.Open(name, preallocate: length);
            }
            catch (StorageFullException) when (length > needed)
            {
                length = Math.Max(needed, length / 4);
            }
        }
    }

    /// <summary>Under its new name a file always has its own header, and under the old one never another's.</summary>
    private IStorageFile OpenAgain(string spare, string name, byte[] header)
    {
        _storage.SyncFolder(JournalFormat.LogFolder);
        using (var writing = _storage.Open(spare))
        {
            writing.Write(0, header);
            writing.Sync();
        }
        _storage.Rename(spare, name);
        _storage.SyncFolder(JournalFormat.LogFolder);
        return _storage.Open(name);
    }

    private (string Name, long Length)? TakeSpare(long length, uint mark)
    {
        if (mark != 0 && HasRoom())
            return _spares.Take(length);
        _spares.Drop();
        return null;
    }

    // Of files that come fast one after the other the next will be wanted soon; and what is plain is not left in an encrypted one.
    private bool MayKeep(LogFile file) => _writing is not null && HasRoom() && (_keys is null || file.IsEncrypted);
}
