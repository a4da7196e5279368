#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* or macOS would hide O_NOFOLLOW */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errors.h"
#include "log.h"
#include "pidfile.h"

/* A device or a FIFO is nobody's pid file, and must not be removed as one. Returns 0, or -1 after a
 * report. */
static int check_file(const char *path, int descriptor)
{
    struct stat info;

    if (fstat(descriptor, &info) < 0)
        return report("fstat %s", path);
    if (S_ISREG(info.st_mode))
        return 0;
    log_message(LOG_ERR, "%s: not a regular file", path);
    return -1;
}

/* Locks the whole open file, or tells who has done so before. Returns 0; 1 if it is worth another
 * try; or -1 after a report. */
static int lock_file(const char *path, int descriptor)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(descriptor, F_SETLK, &lock) == 0)
        return 0;
    if (errno != EACCES && errno != EAGAIN) {
        report("lock %s", path);
        if (lseek(descriptor, 0, SEEK_END) == 0) /* leave no new file behind */
            unlink(path);
        return -1;
    }
    if (fcntl(descriptor, F_GETLK, &lock) < 0)
        return report("lock %s", path);
    if (lock.l_type == F_UNLCK)
        return 1; /* its owner has ended meanwhile */
    log_message(LOG_ERR, "%s: already running as process %ld", path, (long)lock.l_pid);
    return -1;
}

/* Is path still the name of the open file? Its last owner may have removed it meanwhile. */
static bool is_named(const char *path, int descriptor)
{
    struct stat named, opened;

    return stat(path, &named) == 0 && fstat(descriptor, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

int lock_pidfile(const char *path)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    for (;;) {
        int descriptor = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);

        if (descriptor < 0)
            return report("open %s", path);
        int busy = check_file(path, descriptor) < 0 ? -1 : lock_file(path, descriptor);
        if (busy < 0) {
            close(descriptor);
            return -1;
        }
        if (busy > 0 || !is_named(path, descriptor)) {
            close(descriptor);
            continue;
        }
        errno = ENOSPC; /* if the count is short */
        if (ftruncate(descriptor, 0) == 0 && write(descriptor, text, (size_t)length) == length)
            return descriptor;
        report("write %s", path);
        unlink(path);
        close(descriptor);
        return -1;
    }
}

void remove_pidfile(const char *path, int descriptor)
{
    /* A daemon that gave up root may not be allowed to remove it from root's folder: so it is at
     * least empty. And what is there by now may be another daemon's. */
    if (ftruncate(descriptor, 0) < 0)
        report("empty %s", path);
    if (is_named(path, descriptor))
        unlink(path);
}
