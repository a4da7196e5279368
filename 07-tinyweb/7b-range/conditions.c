#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* files of 2 GiB and more, on 32-bit systems, too */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conditions.h"
#include "date.h"

void note_condition(struct conditions *conditions, const char *name, const char *value)
{
    static const char *const names[] = {"If-Modified-Since", "If-None-Match", "Range", "If-Range"};

    for (int i = 0; i < CONDITIONS; i++)
        if (strcasecmp(name, names[i]) == 0) {
            bool is_kept =
                ++conditions->lines[i] == 1 && strlen(value) < sizeof conditions->values[i];

            strcpy(conditions->values[i], is_kept ? value : "");
        }
}

/* Has the client got this version of the file? A date in the future is from a wrong clock, and says
 * nothing: RFC 1945, 10.9. Beside If-None-Match the date does not count: RFC 9110, 13.1.3. */
static bool is_known(const struct conditions *conditions, time_t modified)
{
    time_t since;

    return conditions->lines[NONE_MATCH] == 0 && parse_date(conditions->values[SINCE], &since) &&
           modified <= since && since <= time(NULL);
}

/* Reads the number at *text, and moves *text behind it. Returns -1 if there is none; what is too
 * large is LLONG_MAX. */
static long long read_number(const char **text)
{
    char *end;

    if (!isdigit((unsigned char)**text)) /* strtoll() would take a sign, and spaces */
        return -1;
    long long number = strtoll(*text, &end, 10);
    *text = end;
    return number;
}

/* Finds the part of a file of so many bytes that a Range means. Returns 206, 416 if the file has no
 * such part, or 200 if it is no range that we know. RFC 9110, 14.1.2 */
static int find_part(const char *range, long long size, struct part *part)
{
    if (strncasecmp(range, "bytes=", 6) != 0)
        return 200;
    range += 6;
    long long first = read_number(&range);
    if (*range++ != '-')
        return 200;
    long long last = read_number(&range);
    if (*range != '\0' || (first < 0 && last < 0) || (last >= 0 && last < first))
        return 200;  /* not one range, or not a range */
    if (first < 0) { /* -N: the last N bytes */
        if (size == 0 && last > 0)
            return 200; /* all there is; but Content-Range has no words for nothing */
        first = last < size ? size - last : 0;
        last = -1;
    }
    if (last < 0 || last >= size)
        last = size - 1;
    *part = (struct part){.first = first, .length = first < size ? last - first + 1 : 0};
    if (part->length > 0)
        snprintf(part->content_range, sizeof part->content_range,
                 "Content-Range: bytes %lld-%lld/%lld\r\n", first, last, size);
    else
        snprintf(part->content_range, sizeof part->content_range, "Content-Range: bytes */%lld\r\n",
                 size);
    return part->length > 0 ? 206 : 416;
}

int judge_conditions(const struct conditions *conditions, const struct request *request,
                     const struct stat *info, struct part *part)
{
    time_t date;

    *part = (struct part){.length = info->st_size};
    /* First the date, then the part: RFC 9110, 13.2.2. And a part is for GET alone: 14.2. */
    if (is_known(conditions, info->st_mtime))
        return 304;
    /* Parts of two versions make no file: the date must be the same. RFC 9110, 13.1.5. */
    if (request->head ||
        (conditions->lines[IF_RANGE] > 0 &&
         !(parse_date(conditions->values[IF_RANGE], &date) && date == info->st_mtime)))
        return 200;
    return find_part(conditions->values[RANGE], info->st_size, part);
}
