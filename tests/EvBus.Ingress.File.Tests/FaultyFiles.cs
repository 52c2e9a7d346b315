using EvBus.Files;

namespace EvBus.Ingress.File.Tests;

/// <summary>Real files, with a disk that gives up where the test says.</summary>
internal sealed class FaultyFiles : IFileSystem
{
    public int? FailAfterBytes { get; set; }

    public bool FailTruncate { get; set; }

    public bool FailFlush { get; set; }

    public bool FailMove { get; set; }

    public bool FailDelete { get; set; }

    public bool FailOpen { get; set; }

    public bool IsLockedByAnother { get; set; }

    /// <summary>What somebody else does at the moment of a failed write.</summary>
    public Action? OnFailure { get; set; }

    public List<string> Calls { get; } = [];

    public IOpenFile Open(string path)
    {
        Fail(FailOpen);
        return new Faulty(this, FileSystem.Real.Open(path));
    }

    public string Resolve(string path) => FileSystem.Real.Resolve(path);

    public FileState? Find(string path) => FileSystem.Real.Find(path);

    public void Move(string from, string to)
    {
        Fail(FailMove);
        FileSystem.Real.Move(from, to);
    }

    public void Delete(string path)
    {
        Fail(FailDelete);
        FileSystem.Real.Delete(path);
    }

    public IReadOnlyList<string> List(string folder, string pattern) => FileSystem.Real.List(folder, pattern);

    public void SyncFolder(string folder)
    {
        Calls.Add("sync folder");
        FileSystem.Real.SyncFolder(folder);
    }

    private static void Fail(bool now)
    {
        if (now)
            throw new IOException("Input/output error");
    }

    private sealed class Faulty(FaultyFiles faults, IOpenFile file) : IOpenFile
    {
        public FileState State => file.State;

        public bool TryLock() => !faults.IsLockedByAnother && file.TryLock();

        public int Read(Span<byte> target, long offset) => file.Read(target, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset)
        {
            faults.Calls.Add("write");
            if (faults.FailAfterBytes is not { } most || bytes.Length <= most)
            {
                file.Write(bytes, offset);
                return;
            }
            file.Write(bytes[..most], offset);
            faults.OnFailure?.Invoke();
            throw new IOException("No space left on device");
        }

        public void Truncate(long length)
        {
            Fail(faults.FailTruncate);
            file.Truncate(length);
        }

        public void Flush()
        {
            faults.Calls.Add("flush");
            Fail(faults.FailFlush);
            file.Flush();
        }

        public void Dispose() => file.Dispose();
    }
}
