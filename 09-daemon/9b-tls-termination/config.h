/* config.h - the configuration file: lines `key = value`, empty lines, and # comments. */
#ifndef CONFIG_H
#define CONFIG_H

#include <limits.h>
#include <netinet/in.h>

struct config {
    struct sockaddr_storage address; /* from the keys address and port */
    socklen_t address_length;
    char webroot[PATH_MAX];
    char pidfile[PATH_MAX]; /* "": none */
    char user[64];          /* "": stay who we are */
    int max_children;
    struct sockaddr_storage proxy; /* its connections begin with a PROXY header; AF_UNSPEC: none */
};

/* Reads the configuration file at path, which is absolute; paths in it that are not are taken from
 * its folder. Keys that it does not have keep their defaults. Returns 0, or -1 after a report that
 * names the file and the line. */
int read_config(const char *path, struct config *config);

#endif
