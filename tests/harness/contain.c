/* Puts itself within the bounds of one run, and then becomes the program; see contain.py.

       contain STATUS USER RULES [KIND:LIMIT ...] -- PROGRAM [ARGUMENT ...]

   STATUS is a descriptor that hears what became of it: `x` when all is ready, and after that the errno of
   an execvp() that failed; or else, in words, what could not be done. USER is whom to become, 0: nobody
   else; RULES a descriptor of landlock(7)'s. A number below 0 stands for none. It is a small program of
   its own because a limit on addresses, set in a copy of the grader, would end that copy. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#define LANDLOCK_RESTRICT_SELF 446 /* older headers do not have it */
#endif

static int status;

static void fail(const char *what)
{
    dprintf(status < 0 ? 2 : status, "%s: %s", what, strerror(errno));
    _exit(125);
}

static void limit(const char *text)
{
    int kind;
    unsigned long long most;
    struct rlimit now;

    if (sscanf(text, "%d:%llu", &kind, &most) != 2 || getrlimit(kind, &now) == -1)
        return;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
        now.rlim_max = (rlim_t)most;
    now.rlim_cur = now.rlim_max;
    setrlimit(kind, &now); /* may fail: macOS has no limit on addresses */
}

static void become(uid_t user)
{
    if (setgroups(0, NULL) == -1 || setgid(user) == -1 || setuid(user) == -1)
        fail("become another user");
}

static void restrict_self(int rules)
{
#ifdef __linux__
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
        fail("end with the grader");
    if (rules >= 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || syscall(LANDLOCK_RESTRICT_SELF, rules, 0) == -1))
        fail("landlock");
#endif
    if (rules >= 0)
        close(rules);
}

int main(int argc, char **argv)
{
    int next = 4;
    const char *preload = getenv("CONTAINED_PRELOAD"); /* is for the program, and not for this one */

    if (argc < 6)
        return 125;
    status = atoi(argv[1]);
    if (status >= 0)
        fcntl(status, F_SETFD, FD_CLOEXEC);
    for (; strcmp(argv[next], "--") != 0; next++)
        limit(argv[next]);
    if (atoi(argv[2]) > 0)
        become((uid_t)atoi(argv[2]));
    restrict_self(atoi(argv[3]));
    if (status >= 0 && preload != NULL) {
        setenv("LD_PRELOAD", preload, 1);
        unsetenv("CONTAINED_PRELOAD");
    }
    if (status >= 0)
        dprintf(status, "x");
    execvp(argv[next + 1], argv + next + 1);
    if (status >= 0)
        dprintf(status, "%d", errno);
    return 127;
}
