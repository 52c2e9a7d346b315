using System.Diagnostics;
using Xunit;

namespace EvBus.Tools.Tests.Tester;

/// <summary>
/// Makes real system calls of a child process fail: a library in C, compiled here and loaded into the child before its own (LD_PRELOAD), answers
/// in the system's place. Without gcc a test that needs it is skipped; with CI=true it fails.
/// </summary>
internal sealed class SystemCallShim
{
    // A fault is NAME:ERRNO:PART OF THE PATH; and it is only there while the file of EVBUS_SHIM_WHILE is, where that is set.
    private const string Source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <sys/vfs.h>
        #include <unistd.h>

        static void *(*find)(void *, const char *);
        static void *next(const char *name) {
            if (!find && !(find = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34")) && !(find = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5")))
                find = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.17");
            return find(RTLD_NEXT, name);
        }
        static int fault(const char *call, const char *path) {
            const char *all = getenv("EVBUS_SHIM"), *whilst = getenv("EVBUS_SHIM_WHILE");
            char name[32], part[512]; int error;
            if (!all || !path || sscanf(all, "%31[^:]:%d:%511s", name, &error, part) != 3 || strcmp(name, call) || !strstr(path, part)) return 0;
            if (whilst && syscall(21 /* access, x86-64 */, whilst, 0) != 0) return 0;
            return error;
        }
        static int fault_of(const char *call, int file) {
            char link[64], path[4096];
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            ssize_t length = readlink(link, path, sizeof path - 1);
            if (length <= 0) return 0;
            path[length] = 0;
            return fault(call, path);
        }
        int fsync(int file) {
            int error = fault_of("fsync", file);
            if (error) { errno = error; return -1; }
            return ((int (*)(int))next("fsync"))(file);
        }
        int fchmod(int file, mode_t mode) {
            int error = fault_of("fchmod", file);
            if (error) { errno = error; return -1; }
            return ((int (*)(int, mode_t))next("fchmod"))(file, mode);
        }
        int posix_fallocate(int file, off_t at, off_t length) {
            int error = fault_of("fallocate", file);
            return error ? error : ((int (*)(int, off_t, off_t))next("posix_fallocate"))(file, at, length);
        }
        int statfs(const char *path, struct statfs *answer) {
            int code = ((int (*)(const char *, struct statfs *))next("statfs"))(path, answer), type = fault("statfs", path);
            if (type) answer->f_type = type;
            return code;
        }
        int open64(const char *path, int flags, ...) {
            va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest);
            int error = fault("open", path);
            if (error) { errno = error; return -1; }
            return ((int (*)(const char *, int, ...))next("open64"))(path, flags, mode);
        }
        int open(const char *path, int flags, ...) {
            va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest);
            int error = fault("open", path);
            if (error) { errno = error; return -1; }
            return ((int (*)(const char *, int, ...))next("open"))(path, flags, mode);
        }
        /* .NET looks functions up in the C library itself, past a preloaded one. */
        void *dlsym(void *library, const char *name) {
            if (!strcmp(name, "fsync")) return (void *)fsync;
            if (!strcmp(name, "posix_fallocate")) return (void *)posix_fallocate;
            if (!strcmp(name, "statfs")) return (void *)statfs;
            next(name);
            return find(library, name);
        }
        """;

    private readonly string _library;

    private SystemCallShim(string library) => _library = library;

    /// <summary>Compiles it into a folder.</summary>
    public static SystemCallShim Make(string folder)
    {
        const string None = "System calls cannot be made to fail here: it needs Linux on x86-64 and gcc.";
        var (source, library) = (Path.Combine(folder, "shim.c"), Path.Combine(folder, "shim.so"));
        File.WriteAllText(source, Source);
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("gcc", ["-shared", "-fPIC", "-w", "-o", library, source, "-ldl"]) { RedirectStandardError = true });
            var errors = compiler!.StandardError.ReadToEnd();
            compiler.WaitForExit();
            Assert.True(compiler.ExitCode == 0, errors);
            return new SystemCallShim(library);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") == "true", None);
            throw new InvalidOperationException(None);
        }
    }

    /// <summary>A child for which one system call fails, on files whose path contains <paramref name="path"/>.</summary>
    public ProcessStartInfo Load(ProcessStartInfo start, string call, int errno, string path, string? whilst = null)
    {
        start.Environment["LD_PRELOAD"] = _library;
        start.Environment["EVBUS_SHIM"] = $"{call}:{errno}:{path}";
        if (whilst is not null)
            start.Environment["EVBUS_SHIM_WHILE"] = whilst;
        return start;
    }
}
