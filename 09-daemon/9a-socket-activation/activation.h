/* activation.h - what whoever started us has opened for us, and waits to hear. See sd_listen_fds(3)
 * and sd_notify(3). */
#ifndef ACTIVATION_H
#define ACTIVATION_H

enum { FIRST_GIVEN = 3 }; /* the first descriptor behind stdin, stdout and stderr */

/* Looks whether a listener was opened for us, as FIRST_GIVEN. Call it before any fork(): the
 * environment names this very process. Returns 1 if so, 0 if not, or -1 after a report: it is
 * none that we could use. */
int take_listener(void);

/* Tells whoever started us that we are ready, if it wants to know. What fails is reported. */
void notify_ready(void);

#endif
