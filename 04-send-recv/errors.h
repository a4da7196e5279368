/* errors.h - say what went wrong, in the form every program here keeps:
 *
 *     program: what failed: strerror text (ESYMBOL)
 */
#ifndef ERRORS_H
#define ERRORS_H

/* The name that starts every message. Each program defines its own. */
extern const char program[];

/* Reports on stderr that what the format describes has failed, and why, from errno.
 * Always returns -1, so a function can end with `return report(...)`; errno is kept. */
int report(const char *format, ...);

/* The symbolic name of an errno value, such as "EADDRINUSE"; "unlisted" if it is not in our table.
 * See errno(3). */
const char *errno_name(int number);

#endif
