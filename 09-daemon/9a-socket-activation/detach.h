/* detach.h - from a program on a terminal to a daemon. See daemon(7). */
#ifndef DETACH_H
#define DETACH_H

/* Closes every descriptor that whoever started us has left open, but for so many from 3 on that are
 * meant for us, and opens 0, 1 and 2 where they are missing. Call it first. Returns 0, or -1 after
 * a report. */
int clean_descriptors(int meant_for_us);

/* Goes to the background: returns in the new process, which has a session of its own and no
 * terminal. The process that was started stays and waits until finish_detaching(), then exits 0;
 * or, if the daemon ends before, exits 1. Returns a descriptor for finish_detaching(), or -1 after
 * a report. */
int detach(void);

/* Has 0, 1 and 2 lead nowhere. Returns 0, or -1 after a report. */
int silence(void);

/* All is well: lets go of the terminal and of the process that waits. Returns 0, or -1 after a
 * report. */
int finish_detaching(int ready);

#endif
