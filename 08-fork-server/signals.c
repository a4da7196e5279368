#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <time.h>

#include "errors.h"
#include "signals.h"

volatile sig_atomic_t stop_requested;

/* A handler may interrupt anything anywhere, so it only takes a note. SIGCHLD needs none: it is
 * only let in to end a wait. */
static void note_signal(int number)
{
    if (number == SIGTERM)
        stop_requested = 1;
}

int catch_signals(void)
{
    struct sigaction note = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t only_in_waits;

    sigemptyset(&note.sa_mask);
    sigemptyset(&only_in_waits);
    sigaddset(&only_in_waits, SIGCHLD);
    if (sigaction(SIGTERM, &note, NULL) < 0 || sigaction(SIGCHLD, &note, NULL) < 0 ||
        sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0)
        return report("sigaction");
    if (sigprocmask(SIG_SETMASK, &only_in_waits, NULL) < 0)
        return report("sigprocmask");
    return 0;
}

bool wait_for_client(int listener)
{
    const struct timespec moment = {.tv_nsec = 100000000};
    sigset_t noted, before, waiting;
    fd_set readable;
    int ready = 0;

    if (listener >= FD_SETSIZE) { /* an fd_set has no room for it: 1024 descriptors open already */
        errno = EMFILE;
        report("pselect");
        exit(1);
    }
    FD_ZERO(&readable);
    FD_SET((unsigned short)listener, &readable); /* an int for some systems, unsigned for others */
    sigemptyset(&noted);
    sigaddset(&noted, SIGTERM);

    /* A signal between a look at the flags and the start of the wait would go unseen. So they
     * are blocked before the look, and pselect() lets them in and waits in one step. */
    sigprocmask(SIG_BLOCK, &noted, &before);
    waiting = before;
    sigdelset(&waiting, SIGCHLD);
    if (!stop_requested)
        ready = pselect(listener + 1, &readable, NULL, NULL, NULL, &waiting);
    if (ready < 0 && errno != EINTR) {
        report("pselect");
        nanosleep(&moment, NULL);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready > 0;
}
