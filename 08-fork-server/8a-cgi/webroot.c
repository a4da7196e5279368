#define _XOPEN_SOURCE 700    /* POSIX, with realpath() */
#define _DARWIN_C_SOURCE     /* or macOS would hide O_NOFOLLOW */
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "errors.h"
#include "program.h"
#include "webroot.h"

int open_webroot(struct webroot *root, const char *path)
{
    if (realpath(path, root->path) == NULL)
        return report("webroot %s", path);
    root->directory = open(root->path, O_RDONLY | O_DIRECTORY);
    if (root->directory < 0)
        return report("webroot %s", path);
    if (strcmp(root->path, "/") == 0)
        root->path[0] = '\0'; /* so that path + "/name" is right for every webroot */
    return 0;
}

/* Is one of the path's parts ".."? */
static bool climbs(const char *path)
{
    for (; path != NULL; path = strchr(path, '/')) {
        path += strspn(path, "/");
        if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
            return true;
    }
    return false;
}

/* Opens path one part after the other, none of which may be a link: then nothing that is renamed or
 * linked meanwhile leads us astray, as it could between a check and an open(). */
static int walk(int directory, const char *path)
{
    for (int current = directory;;) {
        char name[NAME_MAX + 2] = ".";
        size_t length, kept;

        path += strspn(path, "/");
        length = strcspn(path, "/");
        kept = length < sizeof name ? length : sizeof name - 1; /* too long: open() will say so */
        if (kept > 0) {
            memcpy(name, path, kept);
            name[kept] = '\0';
        }
        bool last = path[length] == '\0';
        /* O_NONBLOCK: to open a FIFO must not mean to wait for its writer. */
        int next =
            openat(current, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        if (current != directory) {
            int error = errno;
            close(current);
            errno = error;
        }
        if (next < 0 || last)
            return next;
        current = next;
        path += length;
    }
}

int open_beneath(const struct webroot *root, const char *path)
{
    char joined[PATH_MAX], real[PATH_MAX];
    size_t length = strlen(root->path);

    if (climbs(path)) {
        errno = EACCES;
        return -1;
    }
    int file = walk(root->directory, path);
    if (file >= 0 || (errno != ELOOP && errno != ENOTDIR))
        return file;

    /* There was a link, perhaps: where does it lead? If it stays inside, walk there. */
    if ((size_t)snprintf(joined, sizeof joined, "%s/%s", root->path, path) >= sizeof joined) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (realpath(joined, real) == NULL)
        return -1;
    if (strncmp(real, root->path, length) != 0 || (real[length] != '/' && real[length] != '\0') ||
        (program_length(path) == 0 && program_length(real + length) > 0)) { /* or to a program */
        errno = EACCES;
        return -1;
    }
    return walk(root->directory, real + length);
}
