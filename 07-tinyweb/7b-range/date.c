#define _XOPEN_SOURCE 700 /* for strptime() */

#include <string.h>

#include "date.h"

/* Seconds since 1970, as POSIX counts them: each day has 86,400. (timegm() is not everywhere.) */
static time_t to_time(const struct tm *utc)
{
    static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int year = utc->tm_year + 1900 - (utc->tm_mon < 2); /* before March its leap day is to come */
    long long days = 365LL * (utc->tm_year - 70) + year / 4 - year / 100 + year / 400 - 477 +
                     days_before[utc->tm_mon] + utc->tm_mday - 1; /* 477 leap days until 1970 */

    return (time_t)(((days * 24 + utc->tm_hour) * 60 + utc->tm_min) * 60 + utc->tm_sec);
}

bool parse_date(const char *text, time_t *when)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* Sun, 06 Nov 1994 08:49:37 GMT */
        "%A, %d-%b-%y %H:%M:%S GMT", /* Sunday, 06-Nov-94 08:49:37 GMT; from 69 on it is 19.. */
        "%a %b %e %H:%M:%S %Y",      /* Sun Nov  6 08:49:37 1994, of asctime() */
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm utc = {0};
        char again[64];

        if (strptime(text, forms[i], &utc) == NULL)
            continue;
        /* strptime() forgives much, such as 31 Feb. A date reads the same, written again. */
        *when = to_time(&utc);
        if (gmtime_r(when, &utc) != NULL && strftime(again, sizeof again, forms[i], &utc) > 0 &&
            strcmp(again, text) == 0)
            return true;
    }
    return false;
}
