namespace EvBus.Tools.Tester.Reporting;

/// <summary>Files that the tester makes: what stands in them is for whoever runs it.</summary>
internal static class OwnFile
{
    /// <summary>At the end of a file, which is made for its owner alone where it is not there.</summary>
    public static FileStreamOptions Append
    {
        get
        {
            var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 1 };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            return options;
        }
    }
}
