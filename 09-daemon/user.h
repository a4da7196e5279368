/* user.h - giving up root. */
#ifndef USER_H
#define USER_H

/* Becomes the user of that name for good, groups included. Returns 0, or -1 after a report; only
 * root may. See credentials(7). */
int become_user(const char *name);

#endif
