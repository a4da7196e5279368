#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "response.h"
#include "serve.h"

enum { NAMES_MAX = 10000 }; /* on one page: a folder may have millions */

struct names {
    size_t count;
    struct name {
        char text[NAME_MAX + 1];
        bool is_folder;
    } list[NAMES_MAX + 1];
};

/* Is what has this name in the folder served? Sets is_folder. Returns 1 or 0, or -1 with errno if
 * we cannot tell. */
static int is_served(const struct request *request, const struct webroot *root, int folder,
                     struct name *name)
{
    struct request linked = *request;
    struct stat info;
    int status;

    /* Of a link, what it leads to. A FIFO is not opened: that would wake whoever waits to write. */
    if (fstatat(folder, name->text, &info, 0) < 0 ||
        (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return 0;
    name->is_folder = S_ISDIR(info.st_mode);
    /* A request line has to have room for it, where a byte may take three. */
    if (sizeof "HEAD  HTTP/1.1\r\n/" + request->target_length + 3 * strlen(name->text) > LINE_SIZE)
        return 0;
    strcat(linked.path, name->text);
    if (name->is_folder)
        strcat(linked.path, "/");
    int file = open_file(&linked, root, &info, &status);
    if (file >= 0)
        close(file);
    return status == 503 ? -1 : status == 200; /* 503: no descriptor, and the name may be right */
}

/* Reads the names for the page, and one more if there are too many. Returns 0, or -1 with errno. */
static int read_names(DIR *folder, const struct request *request, const struct webroot *root,
                      struct names *names)
{
    names->count = 0;
    while (names->count <= NAMES_MAX) {
        struct name *name = &names->list[names->count];

        errno = 0; /* readdir() returns NULL at the end, and for an error */
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            return errno == 0 ? 0 : -1;
        if (entry->d_name[0] == '.' || strlen(entry->d_name) > NAME_MAX)
            continue;
        strcpy(name->text, entry->d_name);
        int served = is_served(request, root, dirfd(folder), name);
        if (served < 0)
            return -1;
        names->count += (size_t)served;
    }
    return 0;
}

static int compare(const void *one, const void *other)
{
    return strcmp(((const struct name *)one)->text, ((const struct name *)other)->text);
}

/* Writes text so that HTML takes all of it for text. */
static void write_text(FILE *page, const char *text)
{
    for (; *text != '\0'; text++)
        if (strchr("&<>\"'", *text) != NULL)
            fprintf(page, "&#%d;", *text);
        else
            putc(iscntrl((unsigned char)*text) ? '?' : *text, page); /* ESC steers a terminal */
}

/* Writes a name as one part of a URL's path: no byte stays that means something there, also no
 * colon, which would end a scheme. RFC 3986, 2.3 and 4.2. */
static void write_part(FILE *page, const char *text)
{
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text) != NULL)
            putc(*text, page);
        else
            fprintf(page, "%%%02X", (unsigned char)*text);
}

static void write_link(FILE *page, const struct name *name)
{
    const char *slash = name->is_folder ? "/" : "";

    fputs("<li><a href=\"", page);
    write_part(page, name->text);
    fprintf(page, "%s\">", slash);
    write_text(page, name->text);
    fprintf(page, "%s</a>\n", slash);
}

/* Makes the page in memory: its length comes before it. Returns it, to be freed, and sets size; or
 * returns NULL with errno. */
static char *make_page(const struct request *request, const struct names *names, size_t *size)
{
    char *text = NULL;
    FILE *page = open_memstream(&text, size); /* a file that grows in memory, at text */

    if (page == NULL)
        return NULL;
    fputs("<!DOCTYPE html>\n<title>", page);
    write_text(page, request->path);
    fputs("</title>\n<ul>\n", page);
    if (request->path[strspn(request->path, "/")] != '\0')
        fputs("<li><a href=\"../\">../</a>\n", page);
    for (size_t i = 0; i < names->count && i < NAMES_MAX; i++)
        write_link(page, &names->list[i]);
    fputs("</ul>\n", page);
    if (names->count > NAMES_MAX)
        fprintf(page, "<p>There are more than these %d.\n", NAMES_MAX);
    bool has_failed = ferror(page);
    if (fclose(page) == 0 && !has_failed)
        return text;
    free(text);
    return NULL;
}

long long send_folder(int client, const struct request *request, const struct webroot *root,
                      int folder)
{
    DIR *stream = fdopendir(folder);
    struct names *names = stream != NULL ? malloc(sizeof *names) : NULL;
    char *page = NULL;
    size_t size;

    if (names != NULL && read_names(stream, request, root, names) == 0) {
        qsort(names->list, names->count, sizeof names->list[0], compare);
        page = make_page(request, names, &size);
    }
    int error = errno;
    free(names);
    if (stream != NULL)
        closedir(stream); /* and with it the folder */
    else
        close(folder);
    if (page == NULL) {
        errno = error;
        return -1;
    }
    long long sent = send_page(client, request, page, size);
    free(page);
    return sent;
}
