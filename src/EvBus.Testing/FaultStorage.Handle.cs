using EvBus.Journal;

namespace EvBus.Testing;

// An open file: where writes are cut short, fail, and are forgotten.
public sealed partial class FaultStorage
{
    private sealed class Handle(FaultStorage storage, FaultFile file) : IStorageFile
    {
        public long Length
        {
            get
            {
                lock (storage._lock)
                    return file.Content.Length;
            }
        }

        public int Read(long offset, Span<byte> target)
        {
            storage.BeforeRead?.Invoke(file.Name, offset, target.Length);
            lock (storage._lock)
            {
                var count = (int)Math.Clamp(file.Content.Length - offset, 0, target.Length);
                file.Content.AsSpan((int)Math.Min(offset, file.Content.Length), count).CopyTo(target);
                return count;
            }
        }

        public void Write(long offset, ReadOnlySpan<byte> data)
        {
            Interlocked.Increment(ref storage._writes);
            storage.BeforeWrite?.Invoke(file.Name);
            lock (storage._lock)
            {
                try
                {
                    storage.Point();
                }
                catch (IOException) when (storage.Points == storage.CrashAt)
                {
                    // The power goes in the middle of it: some of it may have got there.
                    file.Write(offset, data);
                    throw;
                }
                if (storage._failingWrites.TryDequeue(out var failure))
                    throw failure;
                storage.MakeRoom(Math.Max(0, offset + data.Length - file.Content.Length));
                file.Write(offset, data);
            }
        }

        public void Sync()
        {
            Interlocked.Increment(ref storage._syncs);
            try
            {
                storage.BeforeSync?.Invoke(file.Name);
            }
            catch (IOException)
            {
                lock (storage._lock)
                    file.ForgetUnsynced();
                throw;
            }
            lock (storage._lock)
            {
                storage.Point();
                if (storage._failingSyncs.TryDequeue(out var failure))
                {
                    // As real systems do: the pages count as clean now, and their content may be lost.
                    file.ForgetUnsynced();
                    throw failure;
                }
                file.Sync();
            }
        }

        public void SetLength(long length)
        {
            lock (storage._lock)
            {
                storage.Point();
                file.Resize(length);
            }
        }

        public void Dispose() { }
    }

    private sealed class Unlock(FaultStorage storage) : IDisposable
    {
        public void Dispose()
        {
            lock (storage._lock)
                storage._isLocked = false;
        }
    }
}
