#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detach.h"
#include "errors.h"

int clean_descriptors(int meant_for_us)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor < 0)
        return report("open /dev/null");
    close(descriptor);

    DIR *directory = opendir("/dev/fd"); /* our own descriptors, by their numbers */
    if (directory == NULL)
        return report("open /dev/fd");
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        descriptor = atoi(entry->d_name);
        if (descriptor > STDERR_FILENO + meant_for_us && descriptor != dirfd(directory))
            close(descriptor);
    }
    closedir(directory);
    return 0;
}

/* Waits for the daemon to say that it is ready, and ends the process that was started. */
static _Noreturn void wait_for_daemon(int ready)
{
    char byte;
    ssize_t got;

    while ((got = read(ready, &byte, 1)) < 0 && errno == EINTR)
        continue;
    _exit(got == 1 ? 0 : 1); /* if it has ended instead, it has said why */
}

int detach(void)
{
    int ready[2];

    if (pipe(ready) < 0)
        return report("pipe");
    pid_t child = fork();
    if (child < 0)
        return report("fork");
    if (child > 0) {
        close(ready[1]);
        wait_for_daemon(ready[0]);
    }
    close(ready[0]);
    /* The first fork() made sure that we lead no process group, as setsid() demands. The second
     * leaves behind the leader of the session: only a leader can ever get a terminal again. */
    if (setsid() < 0)
        return report("setsid");
    child = fork();
    if (child < 0)
        return report("fork");
    if (child > 0)
        _exit(0);
    umask(022);
    if (chdir("/") < 0) /* or we would keep a file system from being unmounted */
        return report("chdir /");
    return ready[1];
}

int silence(void)
{
    int null = open("/dev/null", O_RDWR);

    if (null < 0)
        return report("open /dev/null");
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        if (dup2(null, standard) < 0)
            return report("dup2");
    close(null);
    return 0;
}

int finish_detaching(int ready)
{
    if (silence() < 0)
        return -1;
    if (write(ready, "", 1) < 0)
        return report("write to the parent");
    close(ready);
    return 0;
}
