#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "address.h"
#include "children.h"
#include "config.h"
#include "errors.h"
#include "log.h"

/* What is being read: the file, the line, and what cannot be judged before the end. */
struct parser {
    const char *path;
    int line;
    char address[INET6_ADDRSTRLEN];
    int port;
};

static int reject(const struct parser *parser, const char *input, const char *problem)
{
    char text[512];

    escape(text, sizeof text, input); /* an editor may have left bytes that nobody sees */
    log_message(LOG_ERR, "%s:%d: %s: %s", parser->path, parser->line, text, problem);
    return -1;
}

/* Copies text into a field of size bytes. */
static int set_text(const struct parser *parser, char *field, size_t size, const char *text)
{
    if ((size_t)snprintf(field, size, "%s", text) >= size)
        return reject(parser, text, "too long");
    return 0;
}

/* Copies a path into a field of PATH_MAX bytes; a relative one starts from the file's folder. */
static int set_path(const struct parser *parser, char *field, const char *text)
{
    int folder_length = text[0] == '/' ? 0 : (int)(strrchr(parser->path, '/') - parser->path) + 1;

    if (snprintf(field, PATH_MAX, "%.*s%s", folder_length, parser->path, text) >= PATH_MAX)
        return reject(parser, text, "too long");
    return 0;
}

/* Takes one key and its value over into config. Returns 0, or -1 after a report. */
static int set_value(struct parser *parser, struct config *config, const char *key,
                     const char *value)
{
    struct sockaddr_storage address;
    struct stat info;

    if (strcmp(key, "address") == 0) {
        if (parse_address(value, 0, &address) == 0)
            return reject(parser, value, "not an IPv4 or IPv6 address");
        return set_text(parser, parser->address, sizeof parser->address, value);
    }
    if (strcmp(key, "port") == 0) {
        parser->port = parse_number(value, MAX_PORT);
        return parser->port >= 0
                   ? 0
                   : reject(parser, value, "not a port, a whole number from 0 to 65535");
    }
    if (strcmp(key, "webroot") == 0) {
        if (set_path(parser, config->webroot, value) < 0)
            return -1;
        if (stat(config->webroot, &info) < 0)
            return report("%s:%d: %s", parser->path, parser->line, config->webroot);
        return S_ISDIR(info.st_mode) ? 0 : reject(parser, config->webroot, "not a folder");
    }
    if (strcmp(key, "pidfile") == 0)
        return set_path(parser, config->pidfile, value);
    if (strcmp(key, "user") == 0) {
        errno = 0; /* it stays so if all that is wrong is that there is no such user */
        if (getpwnam(value) == NULL)
            return errno == 0 || errno == ENOENT
                       ? reject(parser, value, "no such user")
                       : report("%s:%d: user %s", parser->path, parser->line, value);
        return set_text(parser, config->user, sizeof config->user, value);
    }
    if (strcmp(key, "proxy") == 0)
        return parse_address(value, 0, &config->proxy) != 0
                   ? 0
                   : reject(parser, value, "not an IPv4 or IPv6 address");
    if (strcmp(key, "max-children") == 0) {
        config->max_children = parse_number(value, CHILDREN_MAX);
        return config->max_children > 0
                   ? 0
                   : reject(parser, value, "not a number of children from 1 to 10000");
    }
    return reject(parser, key, "no such key");
}

/* Cuts off a comment. A # inside a word begins none. */
static void cut_comment(char *line)
{
    for (char *hash = strchr(line, '#'); hash != NULL; hash = strchr(hash + 1, '#'))
        if (hash == line || isspace((unsigned char)hash[-1])) {
            *hash = '\0';
            break;
        }
}

/* Cuts off the spaces at both ends. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    for (char *end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    return text;
}

/* Takes one line of the file apart. Returns 0, or -1 after a report. */
static int parse_line(struct parser *parser, struct config *config, char *line)
{
    cut_comment(line);
    char *key = trim(line);
    char *equals = strchr(key, '=');

    if (*key == '\0')
        return 0;
    if (equals == NULL)
        return reject(parser, key, "not of the form key = value");
    *equals = '\0';
    key = trim(key);
    char *value = trim(equals + 1);
    if (*value == '\0')
        return reject(parser, key, "has no value");
    return set_value(parser, config, key, value);
}

/* Reads one line into line, which has size bytes, without its LF. Returns 1, 0 at the end of the
 * file, or -1 after a report. */
static int read_line(const struct parser *parser, FILE *file, char *line, size_t size)
{
    size_t length = 0;
    int c;

    while ((c = getc(file)) != EOF && c != '\n') {
        if (c == '\0')
            return reject(parser, "line", "has a NUL byte");
        if (length + 1 == size)
            return reject(parser, "line", "too long");
        line[length++] = (char)c;
    }
    line[length] = '\0';
    if (ferror(file))
        return report("read %s", parser->path);
    return c == '\n' || length > 0;
}

/* Opens a file, and nothing else: to open a FIFO would mean to wait for its writer. Returns NULL
 * after a report. */
static FILE *open_file(const char *path)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK);
    bool is_open = descriptor >= 0 && fstat(descriptor, &info) == 0;
    bool is_file =
        is_open && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)); /* a folder: EISDIR */
    FILE *file = is_file ? fdopen(descriptor, "r") : NULL;

    if (is_open && !is_file)
        log_message(LOG_ERR, "%s: not a file", path);
    else if (file == NULL)
        report("open %s", path);
    if (file == NULL && descriptor >= 0)
        close(descriptor);
    return file;
}

int read_config(const char *path, struct config *config)
{
    struct parser parser = {.path = path, .address = "127.0.0.1", .port = 8080};
    char line[PATH_MAX + 64] = "";
    int result;

    memset(config, 0, sizeof *config);
    config->max_children = 256;
    if (set_path(&parser, config->webroot, "webroot") < 0)
        return -1;
    FILE *file = open_file(path);
    if (file == NULL)
        return -1;
    for (parser.line = 1; (result = read_line(&parser, file, line, sizeof line)) > 0; parser.line++)
        if ((result = parse_line(&parser, config, line)) < 0)
            break;
    fclose(file);
    config->address_length = parse_address(parser.address, parser.port, &config->address);
    return result;
}
