using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace EvBus.Files;

/// <summary>Whose a name is, on Linux: what .NET does not say. Elsewhere, and on a system without <c>statx</c>, nothing is known.</summary>
internal static class UnixOwner
{
    private const int NoFollow = 0x100;
    private const uint TypeAndModeAndOwner = 0x1 | 0x2 | 0x8;

    /// <summary>
    /// Whether a link may be followed: it is this user's, root's, or of the user to whom its folder belongs. Others can put links only where everybody may write, and one
    /// that leads to a file of their choice would have us write there. Linux has the same rule (<c>fs.protected_symlinks</c>) for links that it follows itself.
    /// </summary>
    /// <returns>The user (uid) whose link it is, when it must not be followed; null when it may, or nothing is known.</returns>
    public static uint? StrangerOf(string link) =>
        Ask(link) is { } owner && owner != 0 && owner != CurrentUser() && Ask(Path.GetDirectoryName(link) ?? "/") is { } folder && folder != owner ? owner : null;

    /// <summary>Whether the name itself, be it a link, belongs to this user; false where nothing is known.</summary>
    public static bool IsOurs(string path) => Ask(path) is { } owner && owner == CurrentUser();

    /// <summary>The owner of the name itself, be it a link.</summary>
    private static uint? Ask(string path)
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var answer = new byte[256];
        try
        {
            return UnixFile.Ask(UnixFile.CurrentFolder, path, NoFollow, TypeAndModeAndOwner, answer) == 0 ? BinaryPrimitives.ReadUInt32LittleEndian(answer.AsSpan(20)) : null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "geteuid"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint CurrentUser();
}
