/* date.h - dates as HTTP writes them. */
#ifndef DATE_H
#define DATE_H

#include <stdbool.h>
#include <time.h>

/* Reads a date in any of the three forms that HTTP has had. Returns false if the text is none.
 * RFC 9110, 5.6.7. */
bool parse_date(const char *text, time_t *when);

#endif
