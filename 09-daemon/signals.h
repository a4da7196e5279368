/* signals.h - waiting for clients and for signals, without missing either. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>

extern volatile sig_atomic_t stop_requested;   /* SIGTERM or SIGINT (Ctrl-C) has come */
extern volatile sig_atomic_t reload_requested; /* SIGHUP has come */

/* From now on these signals are noted in the flags above, SIGCHLD waits until wait_for_client()
 * lets it in, and SIGPIPE and SIGXFSZ are ignored. Returns 0, or -1 after a report. See
 * signal-safety(7). */
int catch_signals(void);

/* Waits until a client is in the listener's accept queue or a signal comes; not at all if one is
 * noted already. Returns true if there is a client. */
bool wait_for_client(int listener);

#endif
