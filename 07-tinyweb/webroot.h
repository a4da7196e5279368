/* webroot.h - the folder we serve from, and nothing outside it. */
#ifndef WEBROOT_H
#define WEBROOT_H

#include <limits.h>

struct webroot {
    int directory;       /* opened */
    char path[PATH_MAX]; /* absolute, and without links */
};

/* Opens the folder at path as a webroot. Returns 0, or -1 after a report. */
int open_webroot(struct webroot *root, const char *path);

/* Opens for reading the file or folder that path names below the webroot. Links are followed as
 * long as they stay inside. Returns a descriptor, or -1 with errno as open(2) sets it, or EACCES
 * for what lies outside. */
int open_beneath(const struct webroot *root, const char *path);

#endif
