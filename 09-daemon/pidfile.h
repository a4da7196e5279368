/* pidfile.h - the file that tells the daemon's process id, and that there is only one. */
#ifndef PIDFILE_H
#define PIDFILE_H

/* Creates the file at path, locks it for as long as this process lives, and writes the process id
 * into it. Returns a descriptor, or -1 after a report: another process may hold the lock. The lock
 * is not passed on to a child, see fcntl(2). */
int lock_pidfile(const char *path);

/* Removes the file, or, where we may not (any more), empties it. */
void remove_pidfile(const char *path, int descriptor);

#endif
