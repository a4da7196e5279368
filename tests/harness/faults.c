/* faults.c - preloaded into a program, gives it the system calls of a bad day: short counts, EINTR,
 * and failing accept() and fork(), at random, the same for the same seed.
 *
 *     LD_PRELOAD=./faults.so LAB_FAULTS=SEED LAB_CALLED=FILE LAB_GIVEN=FILE ./program
 *
 * makes the first FILE when the program first calls socket(), so that one can see that it is reached, and the
 * second when it has its first failure to meet. Only calls on stream sockets are disturbed, and
 * those that wait for several descriptors. All that happens is permitted: see the ERRORS of recv(2),
 * send(2), poll(2), select(2), accept(2) and fork(2). LAB_FAULTS_AT_START=bind, or another call that
 * opens a listener, has that one fail. LAB_FAULTS_AT_CONNECT=success, EALREADY or EISCONN
 * interrupts the first connect(), and says what the next one for that socket answers.
 * LAB_FAULTS_HURRY=100 has the limits that a program sets to its patience pass a hundred times as
 * fast. LAB_FAULTS_AT_LOOKUP=NUMBER has getaddrinfo() fail with that error. Without LAB_FAULTS
 * nothing is at random. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static uint64_t state = 1;
static int at_random;
static const char *to_fail; /* the call for a listener that is to fail */
static long hurry = 1;      /* so many times as fast does a limit of time pass */
static const char *called, *given; /* files to be made; a program may empty its environment */

/* A random number from 0 to below - 1: xorshift64*, which is the same everywhere. */
static size_t random_below(size_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * 0x2545F4914F6CDD1D) >> 33) % below;
}

__attribute__((constructor)) static void start(void)
{
    const char *seed = getenv("LAB_FAULTS");

    at_random = seed != NULL;
    state = (seed != NULL ? strtoull(seed, NULL, 10) : 0) * 0x9E3779B97F4A7C15 + 1;
    to_fail = getenv("LAB_FAULTS_AT_START");
    called = getenv("LAB_CALLED");
    given = getenv("LAB_GIVEN");
    if (getenv("LAB_FAULTS_HURRY") != NULL)
        hurry = strtol(getenv("LAB_FAULTS_HURRY"), NULL, 10);
}

/* Makes a file, once. */
static void note(const char *path)
{
    int error = errno;

    if (path != NULL && access(path, F_OK) != 0)
        close(open(path, O_CREAT | O_WRONLY, 0644));
    errno = error;
}

static int is_stream(int descriptor)
{
    int type = 0, error = errno;
    socklen_t length = sizeof type;
    int got = getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length);

    errno = error;
    return got == 0 && type == SOCK_STREAM;
}

/* Says how many of size bytes a call may move, at random; or -1: it is interrupted. */
static ssize_t allowed(int descriptor, size_t size)
{
    if (size == 0 || !at_random || !is_stream(descriptor))
        return (ssize_t)size;
    switch (random_below(6)) {
    case 0:
        errno = EINTR;
        return -1;
    case 1:
        return 1;
    case 2:
    case 3:
        return (ssize_t)(1 + random_below(size));
    default:
        return (ssize_t)size;
    }
}

/* Says whether a call for an urgent byte comes too early: it is announced before it is there. */
static int is_too_early(int flags)
{
    static const int errors[] = {EINTR, EAGAIN};
    static size_t times;
    size_t number = at_random && flags & MSG_OOB ? times++ % 3 : 2;

    if (number >= sizeof errors / sizeof errors[0])
        return 0;
    errno = errors[number];
    return 1;
}

ssize_t recv(int descriptor, void *buffer, size_t size, int flags)
{
    if (is_too_early(flags))
        return -1;
    ssize_t count = flags & MSG_WAITALL ? (ssize_t)size : allowed(descriptor, size);

    return count < 0 ? -1 : REAL(recv)(descriptor, buffer, (size_t)count, flags);
}

ssize_t recvfrom(int descriptor, void *buffer, size_t size, int flags, struct sockaddr *address,
                 socklen_t *length)
{
    if (is_too_early(flags))
        return -1;
    ssize_t count = flags & MSG_WAITALL ? (ssize_t)size : allowed(descriptor, size);

    return count < 0 ? -1 : REAL(recvfrom)(descriptor, buffer, (size_t)count, flags, address, length);
}

ssize_t read(int descriptor, void *buffer, size_t size)
{
    ssize_t count = allowed(descriptor, size);

    return count < 0 ? -1 : REAL(read)(descriptor, buffer, (size_t)count);
}

ssize_t send(int descriptor, const void *data, size_t size, int flags)
{
    ssize_t count = allowed(descriptor, size);

    return count < 0 ? -1 : REAL(send)(descriptor, data, (size_t)count, flags);
}

ssize_t sendto(int descriptor, const void *data, size_t size, int flags,
               const struct sockaddr *address, socklen_t length)
{
    ssize_t count = allowed(descriptor, size);

    return count < 0 ? -1 : REAL(sendto)(descriptor, data, (size_t)count, flags, address, length);
}

ssize_t write(int descriptor, const void *data, size_t size)
{
    ssize_t count = allowed(descriptor, size);

    return count < 0 ? -1 : REAL(write)(descriptor, data, (size_t)count);
}

/* Of several parts only the first goes out, or a part of it. */
ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    if (count < 1 || !at_random || !is_stream(descriptor) || random_below(2) == 0)
        return REAL(writev)(descriptor, parts, count);
    return write(descriptor, parts[0].iov_base, parts[0].iov_len);
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags)
{
    if (message->msg_iovlen < 1 || !at_random || !is_stream(descriptor) || random_below(2) == 0)
        return REAL(sendmsg)(descriptor, message, flags);
    return send(descriptor, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
}

/* Says whether a wait is interrupted; one that does not wait is not. */
static int is_interrupted(int waits)
{
    if (!at_random || !waits || random_below(6) != 0)
        return 0;
    errno = EINTR;
    return 1;
}

/* What is left of a limit: a short one stays, since a program may look around every now and then. */
static struct timeval hurried(struct timeval limit)
{
    long long all = limit.tv_sec * 1000000LL + limit.tv_usec;

    if (hurry > 1 && limit.tv_sec > 0)
        return (struct timeval){all / hurry / 1000000, all / hurry % 1000000};
    return limit;
}

int poll(struct pollfd *descriptors, nfds_t count, int timeout)
{
    if (!is_interrupted(timeout != 0))
        return REAL(poll)(descriptors, count, timeout > 1000 ? (int)(timeout / hurry) : timeout);
    for (nfds_t i = 0; i < count; i++)
        descriptors[i].revents = 0; /* as Linux does */
    return -1;
}

int ppoll(struct pollfd *descriptors, nfds_t count, const struct timespec *timeout,
          const sigset_t *mask)
{
    if (!is_interrupted(timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0))
        return REAL(ppoll)(descriptors, count, timeout, mask);
    for (nfds_t i = 0; i < count; i++)
        descriptors[i].revents = 0;
    return -1;
}

int select(int count, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
           struct timeval *restrict timeout)
{
    if (is_interrupted(timeout == NULL || timeout->tv_sec != 0 || timeout->tv_usec != 0))
        return -1;
    struct timeval limit = timeout != NULL ? hurried(*timeout) : (struct timeval){0, 0};
    return REAL(select)(count, readable, writable, other, timeout != NULL ? &limit : NULL);
}

unsigned alarm(unsigned seconds)
{
    struct timeval limit = hurried((struct timeval){.tv_sec = seconds});
    struct itimerval timer = {.it_value = limit}, before;

    return setitimer(ITIMER_REAL, &timer, &before) < 0 ? 0 : (unsigned)before.it_value.tv_sec;
}

int pselect(int count, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict other,
            const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    if (is_interrupted(timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0))
        return -1;
    return REAL(pselect)(count, readable, writable, other, timeout, mask);
}

/* A signal comes, and the handshake goes on in the kernel. On loopback it is over when the program asks
 * again; a new socket connects as any other. */
int connect(int descriptor, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    static const char *answer = "";
    static int interrupted;
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;

    if (getenv("LAB_FAULTS_AT_CONNECT") == NULL || !is_stream(descriptor))
        return REAL(connect)(descriptor, address, length);
    if (interrupted && getpeername(descriptor, (struct sockaddr *)&peer, &size) == 0) {
        const char *now = answer;

        answer = "EISCONN"; /* from now on */
        if (strcmp(now, "success") == 0)
            return 0;
        errno = strcmp(now, "EALREADY") == 0 ? EALREADY : EISCONN;
        return -1;
    }
    int result = REAL(connect)(descriptor, address, length);
    if (result < 0 || interrupted)
        return result;
    interrupted = 1;
    answer = getenv("LAB_FAULTS_AT_CONNECT");
    errno = EINTR;
    return -1;
}

static int serves; /* has it called accept()? */

/* Sets errno if this call is to fail, and says so. The client stays in the queue: it was another that
 * gave up. */
static int accept_fails(void)
{
    static const int errors[] = {EINTR, ECONNABORTED};
    size_t number = at_random ? random_below(5) : 5;

    serves = 1;
    if (number >= sizeof errors / sizeof errors[0])
        return 0;
    errno = errors[number];
    return 1;
}

int accept(int listener, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    return accept_fails() ? -1 : REAL(accept)(listener, address, length);
}

int accept4(int listener, __SOCKADDR_ARG address, socklen_t *restrict length, int flags)
{
    return accept_fails() ? -1 : REAL(accept4)(listener, address, length, flags);
}

/* Sets errno if this call for a listener is to fail, and says so. POSIX lists ENOBUFS for all five. */
static int opening_fails(const char *call)
{
    if (to_fail == NULL || strcmp(call, to_fail) != 0)
        return 0;
    note(given);
    errno = ENOBUFS;
    return 1;
}

int socket(int family, int type, int protocol)
{
    note(called);
    return opening_fails("socket") ? -1 : REAL(socket)(family, type, protocol);
}

/* Of the options those that decide about the port: a program may do without others. Joined by an | they are the
 * second, on Linux. */
int setsockopt(int descriptor, int level, int option, const void *value, socklen_t size)
{
    int reuses = level == SOL_SOCKET && (option == SO_REUSEADDR || option == SO_REUSEPORT);
    int fails = reuses && opening_fails("setsockopt");
    int is_limit = level == SOL_SOCKET && (option == SO_RCVTIMEO || option == SO_SNDTIMEO);
    struct timeval limit;

    if (is_limit && size == sizeof limit) {
        memcpy(&limit, value, size);
        limit = hurried(limit);
        value = &limit;
    }
    return fails ? -1 : REAL(setsockopt)(descriptor, level, option, value, size);
}

int bind(int descriptor, __CONST_SOCKADDR_ARG address, socklen_t length)
{
    return opening_fails("bind") ? -1 : REAL(bind)(descriptor, address, length);
}

int listen(int descriptor, int backlog)
{
    return opening_fails("listen") ? -1 : REAL(listen)(descriptor, backlog);
}

int getsockname(int descriptor, __SOCKADDR_ARG address, socklen_t *restrict length)
{
    return opening_fails("getsockname") ? -1 : REAL(getsockname)(descriptor, address, length);
}

/* The lookup fails with the error whose number LAB_FAULTS_AT_LOOKUP is, such as EAI_SYSTEM's. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
    const char *error = getenv("LAB_FAULTS_AT_LOOKUP");

    note(called);
    if (error == NULL)
        return REAL(getaddrinfo)(host, service, hints, list);
    note(given);
    errno = EMFILE;
    return atoi(error);
}

/* A server has to go on without a child for a client; others may give up without one. */
pid_t fork(void)
{
    if (serves && at_random && random_below(4) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return REAL(fork)();
}

/* What compilers call in place of read() and the others where they know the buffer's size. */
ssize_t __read_chk(int descriptor, void *buffer, size_t size, size_t room)
{
    return size > room ? (abort(), -1) : read(descriptor, buffer, size);
}

int __poll_chk(struct pollfd *descriptors, nfds_t count, int timeout, size_t room)
{
    return count > room / sizeof *descriptors ? (abort(), -1) : poll(descriptors, count, timeout);
}

ssize_t __recv_chk(int descriptor, void *buffer, size_t size, size_t room, int flags)
{
    return size > room ? (abort(), -1) : recv(descriptor, buffer, size, flags);
}

ssize_t __recvfrom_chk(int descriptor, void *buffer, size_t size, size_t room, int flags,
                       struct sockaddr *address, socklen_t *length)
{
    return size > room ? (abort(), -1) : recvfrom(descriptor, buffer, size, flags, address, length);
}

int __ppoll_chk(struct pollfd *descriptors, nfds_t count, const struct timespec *limit, const sigset_t *mask,
                size_t room)
{
    return count > room / sizeof *descriptors ? (abort(), -1) : ppoll(descriptors, count, limit, mask);
}
