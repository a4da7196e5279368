#define _DEFAULT_SOURCE /* POSIX, and initgroups() */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "errors.h"
#include "log.h"
#include "user.h"

int become_user(const char *name)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        if (errno == 0)
            errno = ENOENT;
        return report("user %s", name);
    }
    if (geteuid() == user->pw_uid && getuid() == user->pw_uid)
        return 0;
    /* Groups first: after setuid() we would not be allowed to, and keep root's. */
    if (initgroups(name, user->pw_gid) < 0)
        return report("initgroups %s", name);
    if (setgid(user->pw_gid) < 0)
        return report("setgid %s", name);
    if (setuid(user->pw_uid) < 0)
        return report("setuid %s", name);
    if (user->pw_uid != 0 && setuid(0) == 0) { /* trust, but verify */
        log_message(LOG_ERR, "user %s: could become root again", name);
        return -1;
    }
    return 0;
}
