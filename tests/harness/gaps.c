/* gaps.c - preloaded into a program, makes wide and certain what else is a gap of a microsecond.
 *
 *     LD_PRELOAD=./gaps.so LAB_SIGNAL=15 LAB_CALLED=FILE LAB_GIVEN=FILE ./program
 *
 * sends signal 15 to the process that has called listen(), once, when it is about to wait for clients:
 * after its last look at its flags, before the system call. Then it makes the second FILE; the
 * first one when the program calls listen(), so that one can see that it is reached.
 *
 *     LD_PRELOAD=./gaps.so LAB_SIGNAL=15 LAB_SIGNAL_BEFORE_BLOCK=1 LAB_GIVEN=FILE ./program
 *
 * sends it once the process has waited and goes on, with no child left: when it is about to block this signal,
 * after its look at its flags.
 *
 *     LD_PRELOAD=./gaps.so LAB_SLOW_FORK=50 ./program
 *
 * has each fork() take 50 ms, and LAB_SLOW_OPEN=50 each open() and openat(): the name may lead elsewhere by then.
 *
 *     LD_PRELOAD=./gaps.so LAB_GATE_BEFORE_LOCK=FILE ./program
 *
 * makes FILE when the program is about to lock a file, once, and goes on when FILE has been removed.
 *
 *     LD_PRELOAD=./gaps.so LAB_ACCEPT_OF_BSD=1 ./program
 *
 * has accept() do what it may on BSD and macOS: the first client has left before it is taken, and those
 * taken inherit O_NONBLOCK. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pid_t server; /* who has called listen() */

/* Makes the file that this variable names. */
static void note(const char *variable)
{
    const char *path = getenv(variable);

    if (path != NULL)
        close(open(path, O_CREAT | O_WRONLY, 0644));
}

int listen(int descriptor, int backlog)
{
    server = getpid();
    note("LAB_CALLED");
    return REAL(listen)(descriptor, backlog);
}

static int has_waited;

static void send_signal(void)
{
    const char *number = getenv("LAB_SIGNAL");

    if (server != getpid() || number == NULL)
        return;
    server = 0; /* only once */
    kill(getpid(), atoi(number));
    note("LAB_GIVEN");
}

/* Sends the signal if this is the moment. */
static void begin_to_wait(int may_wait)
{
    if (may_wait && getenv("LAB_SIGNAL_BEFORE_BLOCK") == NULL)
        send_signal();
    else if (may_wait && server == getpid())
        has_waited = 1;
}

/* The end of a child would wake it after all. */
static int has_no_child(void)
{
    int error = errno;
    siginfo_t ended;
    int got = waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT);

    errno = error;
    return got < 0;
}

static void begin_to_block(int how, const sigset_t *set)
{
    const char *number = getenv("LAB_SIGNAL");

    if (has_waited && number != NULL && set != NULL && how != SIG_UNBLOCK && sigismember(set, atoi(number)) == 1 &&
        has_no_child())
        send_signal();
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    begin_to_block(how, set);
    return REAL(sigprocmask)(how, set, old);
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    begin_to_block(how, set);
    return REAL(pthread_sigmask)(how, set, old);
}

static int nobody_waits(int listener)
{
    return REAL(poll)(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, 0) == 0;
}

static int accept_of_bsd(int listener, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    static int has_left;

    if (!has_left++)
        close(REAL(accept)(listener, address, length));
    int client = REAL(accept)(listener, address, length);
    if (client >= 0)
        fcntl(client, F_SETFL, fcntl(listener, F_GETFL));
    return client;
}

int accept(int listener, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    begin_to_wait(nobody_waits(listener));
    return (getenv("LAB_ACCEPT_OF_BSD") ? accept_of_bsd : REAL(accept))(listener, address, length);
}

int accept4(int listener, __SOCKADDR_ARG address, socklen_t *restrict length, int flags)
{
    begin_to_wait(nobody_waits(listener));
    return REAL(accept4)(listener, address, length, flags);
}

int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
           struct timeval *restrict limit)
{
    begin_to_wait(limit == NULL || limit->tv_sec > 0 || limit->tv_usec > 0);
    return REAL(select)(count, in, out, other, limit);
}

int pselect(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict other,
            const struct timespec *restrict limit, const sigset_t *restrict mask)
{
    begin_to_wait(limit == NULL || limit->tv_sec > 0 || limit->tv_nsec > 0);
    return REAL(pselect)(count, in, out, other, limit, mask);
}

int poll(struct pollfd *descriptors, nfds_t count, int limit)
{
    begin_to_wait(limit != 0);
    return REAL(poll)(descriptors, count, limit);
}

int ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *limit, const sigset_t *mask)
{
    begin_to_wait(limit == NULL || limit->tv_sec > 0 || limit->tv_nsec > 0);
    return REAL(ppoll)(descriptors, count, limit, mask);
}

int epoll_wait(int descriptor, struct epoll_event *events, int count, int limit)
{
    begin_to_wait(limit != 0);
    return REAL(epoll_wait)(descriptor, events, count, limit);
}

int epoll_pwait(int descriptor, struct epoll_event *events, int count, int limit, const sigset_t *mask)
{
    begin_to_wait(limit != 0);
    return REAL(epoll_pwait)(descriptor, events, count, limit, mask);
}

static void come_to_gate(int locks)
{
    const char *gate = getenv("LAB_GATE_BEFORE_LOCK");

    if (!locks || gate == NULL)
        return;
    unsetenv("LAB_GATE_BEFORE_LOCK");
    close(open(gate, O_CREAT | O_WRONLY, 0644));
    while (access(gate, F_OK) == 0)
        usleep(1000);
}

int fcntl(int descriptor, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *); /* or an int, which comes in the same way */
    va_end(arguments);
    come_to_gate(command == F_SETLK || command == F_SETLKW);
    return REAL(fcntl)(descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) __attribute__((alias("fcntl")));

int lockf(int descriptor, int command, off_t size)
{
    come_to_gate(command == F_LOCK || command == F_TLOCK);
    return REAL(lockf)(descriptor, command, size);
}

/* Sleeps as many milliseconds as this variable says. */
static void take_a_while(const char *variable)
{
    const char *milliseconds = getenv(variable);

    if (milliseconds != NULL)
        usleep(1000 * (useconds_t)atoi(milliseconds));
}

pid_t fork(void)
{
    take_a_while("LAB_SLOW_FORK");
    return REAL(fork)();
}

/* open() and openat() have a mode with O_CREAT only: what is there without it does no harm. */
#define SLOW(call, parameters, ...)                                                                \
    int call parameters                                                                            \
    {                                                                                              \
        va_list more;                                                                              \
                                                                                                   \
        va_start(more, flags);                                                                     \
        mode_t mode = va_arg(more, mode_t);                                                        \
        va_end(more);                                                                              \
        take_a_while("LAB_SLOW_OPEN");                                                             \
        return REAL(call)(__VA_ARGS__, flags, mode);                                               \
    }
SLOW(open, (const char *name, int flags, ...), name)
SLOW(open64, (const char *name, int flags, ...), name)
SLOW(openat, (int folder, const char *name, int flags, ...), folder, name)
SLOW(openat64, (int folder, const char *name, int flags, ...), folder, name)

/* What compilers call in their place where the flags are computed. */
int __open_2(const char *name, int flags)
{
    return open(name, flags, 0);
}

int __open64_2(const char *name, int flags)
{
    return open64(name, flags, 0);
}

int __openat_2(int folder, const char *name, int flags)
{
    return openat(folder, name, flags, 0);
}

int __openat64_2(int folder, const char *name, int flags)
{
    return openat64(folder, name, flags, 0);
}

FILE *fopen(const char *restrict name, const char *restrict mode)
{
    take_a_while("LAB_SLOW_OPEN");
    return REAL(fopen)(name, mode);
}

/* What compilers call in place of poll() and ppoll() where they know the array's size. */
int __poll_chk(struct pollfd *descriptors, nfds_t count, int limit, size_t room)
{
    return count > room / sizeof *descriptors ? (abort(), -1) : poll(descriptors, count, limit);
}

int __ppoll_chk(struct pollfd *descriptors, nfds_t count, const struct timespec *limit, const sigset_t *mask,
                size_t room)
{
    return count > room / sizeof *descriptors ? (abort(), -1) : ppoll(descriptors, count, limit, mask);
}
