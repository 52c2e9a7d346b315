using System.Buffers.Binary;

namespace EvBus.Journal;

// Where the letters of a file lie, found through a window: the file may be larger than memory.
internal sealed partial class DeadLetterFile
{
    /// <summary>Finds all letters; whether the file has to be written anew because of what it began with.</summary>
    private bool Load()
    {
        using var window = Window();
        var header = window.Read(0, FileHeaderLength);
        var hasMagic = header.Length == FileHeaderLength && header[..8].SequenceEqual(Magic);
        var version = hasMagic ? BinaryPrimitives.ReadUInt16LittleEndian(header[8..]) : (ushort)0;
        if (version > Version)
            throw new EvBusException($"'{_name}' is of a newer format than this version of EvBus reads. Open it with the version that wrote it, or a newer one.");
        WasEmpty = !hasMagic && window.EndOfUse(0, window.Length) == 0;
        _end = WasEmpty ? 0 : FileHeaderLength;
        if (WasEmpty)
            return true;
        // A header that is damaged does not take the letters with it.
        if (!hasMagic)
            Damaged++;
        Index(window, isSealed: _keys is not null && version == Version);
        foreach (var (number, (at, length)) in _live.ToArray())
        {
            if (ReadAt(at, length, number) is null)
                Lose(number);
        }
        return !hasMagic || (_keys is not null && version < Version);
    }

    private void Index(FileWindow window, bool isSealed)
    {
        var (at, begin) = ((long)FileHeaderLength, -1L);
        while (at < window.Length)
        {
            var length = EntryAt(window, at, out var kind, out var number);
            if (length == 0)
            {
                // What begins no entry is skipped up to one that does; when none does, it is the torn end.
                begin = begin < 0 ? at : begin;
                at++;
                continue;
            }
            Damaged += begin < 0 ? 0 : 1;
            begin = -1;
            // A number that was ever given stays given: what says that its letter is gone must not speak of a new one.
            _next = Math.Max(_next, number + 1);
            if (kind == EncryptedKind && _keys is null && _mayWrite)
                throw Encrypted();
            if (kind == GoneKind)
            {
                if (_live.Remove(number, out var gone))
                    _liveBytes -= gone.Length;
            }
            else if (kind == LetterKind && isSealed)
            {
                // In a file whose letters are all encrypted nobody with the key wrote a plain one.
                Damaged++;
            }
            else if (_live.TryAdd(number, (at, length)))
            {
                _liveBytes += length;
            }
            at += length;
            _end = at;
        }
    }

    private void Lose(ulong number)
    {
        Damaged++;
        if (_live.Remove(number, out var place))
            _liveBytes -= place.Length;
    }

    private static int EntryAt(FileWindow window, long at, out byte kind, out ulong number)
    {
        (kind, number) = (0, 0);
        var header = window.Read(at, EntryHeaderLength);
        // Behind the kind stand three zeros.
        if (header.Length < EntryHeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(header[8..]) is not (LetterKind or GoneKind or EncryptedKind))
            return 0;
        (kind, number) = (header[8], BinaryPrimitives.ReadUInt64LittleEndian(header[16..]));
        var (length, checksum) = (BinaryPrimitives.ReadUInt32LittleEndian(header), BinaryPrimitives.ReadUInt32LittleEndian(header[4..]));
        return length >= EntryHeaderLength && length <= int.MaxValue && at + length <= window.Length && window.HasChecksum(at, length, checksum) ? (int)length : 0;
    }

    private FileWindow Window() => FileWindow.Over(File);

    private void KeepAside()
    {
        var name = $"{JournalFormat.AsideFolder}/{LaneCursor.FileOf(_laneId)}.dead";
        using (var aside = _storage.Open(name))
        {
            aside.SetLength(0);
            using var window = Window();
            window.CopyTo(aside, 0, window.Length, 0);
            aside.Sync();
        }
        _storage.SyncFolder(JournalFormat.AsideFolder);
    }
}
