"""Wrong versions of 7b-range."""

from mutants import Mutant

NOTED = "    for (int i = 0; i < CONDITIONS; i++)\n        if (strcasecmp(name, names[i]) == 0) {"
JUDGED = "    *status = judge_conditions(conditions, request, info, &part);\n"
PART = "    *part = (struct part){.length = info->st_size};\n"
LEFT = "    long long left = request->head || *status == 304 ? 0 : part.length;\n"
HEADERS = "    if (status != 304)\n        snprintf(body,"
AGAIN = "        if (gmtime_r(when, &utc) != NULL && strftime(again, sizeof again, forms[i], &utc) > 0 &&\n            strcmp(again, text) == 0)\n"
FORMS = "i < sizeof forms / sizeof forms[0]"
ONE = "    if (*range != '\\0' || (first < 0 && last < 0) || (last >= 0 && last < first))\n"
LAST = "    if (last < 0 || last >= size)\n        last = size - 1;\n"
DIGIT = "    if (!isdigit((unsigned char)**text))"
NUMBER = "    long long number = strtoll(*text, &end, 10);\n"
UNIT = '    if (strncasecmp(range, "bytes=", 6) != 0)\n        return 200;\n'
SAME = "date == info->st_mtime"
LENGTH = ".length = first < size ? last - first + 1 : 0"
SEEK = "    if (left > 0 && part.first > 0 && lseek(file, part.first, SEEK_SET) < 0)\n        return -1;\n"
STRPTIME = "        if (strptime(text, forms[i], &utc) == NULL)\n            continue;\n"

MUTANTS = [
    Mutant("without a condition nothing comes", "response.c", "part.length;\n", "part.length * (conditions->lines[RANGE] > 0);\n",
           "test_serves_as_before", "has to stay"),
    Mutant("its name in this case only", "conditions.c", NOTED, NOTED.replace("strcasecmp", "strcmp"), "test_not_modified", "in any case"),
    Mutant("the condition is forgotten", "conditions.c", "        return 304;\n", "        return 200;\n", "test_not_modified", "If that is still the file's"),
    Mutant("304 for what is not there", "serve.c", "    if (bytes < 0)\n", "    if (bytes < 0 && conditions.lines[SINCE] > 0 && status == 404)\n        status = 304;\n    if (bytes < 0)\n",
           "test_not_modified", "404 stays"),
    Mutant("the date of the first time", "conditions.c", "           modified <= since &&", "           (modified <= since || modified > 0) &&", "test_not_modified", "fstat() tells it now"),
    Mutant("the request before counts, too", "conditions.c", NOTED, "    static int all[CONDITIONS];\n" + NOTED + "\n            conditions->lines[i] = all[i]++;",
           "test_not_modified", "no header has come yet"),
    Mutant("304 has other words", "response.c", '"Not Modified"', '"Not modified"', "test_not_modified", "REASON"),
    Mutant("304 with a body", "response.c", "request->head || *status == 304 ?", "request->head ?", "test_304_is_a_head_alone", "ends with the empty line"),
    Mutant("304 for GET alone", "response.c", JUDGED, JUDGED + "    if (request->head && *status == 304)\n        *status = 200;\n", "test_304_is_a_head_alone", "HEAD is asked"),
    Mutant("304 with a length", "response.c", HEADERS, HEADERS.replace("status != 304", "status != 0"), "test_304_is_a_head_alone", "leave them out"),
    Mutant("304 without Last-Modified", "response.c", JUDGED, JUDGED + "    if (*status == 304)\n        extra[0] = '\\0';\n", "test_304_is_a_head_alone", "as 200 has them"),
    Mutant("the log tells the file's size", "serve.c", "    log_request(peer, request.line, status, bytes);", "    log_request(peer, request.line, status, status == 304 ? info.st_size : bytes);",
           "test_304_is_a_head_alone", "0 bytes of body"),
    Mutant("the same date only", "conditions.c", "modified <= since", "modified == since", "test_later_and_earlier", "compare numbers"),
    Mutant("fractions of a second", "conditions.c", "is_known(conditions, info->st_mtime)", "is_known(conditions, info->st_mtime + (info->st_mtim.tv_nsec > 0))",
           "test_later_and_earlier", "whole seconds"),
    Mutant("texts are compared", "conditions.c", "           modified <= since &&", "           modified <= since && strcmp(conditions->values[SINCE], \"Sun, 0\") > 0 &&",
           "test_later_and_earlier", "and not texts"),
    Mutant("any date is good", "conditions.c", "           modified <= since &&", "           modified > 0 && since > 780000000 &&", "test_later_and_earlier", "an older version"),
    Mutant("mktime()", "date.c", "        *when = to_time(&utc);\n", "        *when = mktime(&(struct tm){.tm_year = utc.tm_year, .tm_mon = utc.tm_mon, .tm_mday = utc.tm_mday, .tm_hour = utc.tm_hour, "
           ".tm_min = utc.tm_min, .tm_sec = utc.tm_sec});\n        if (to_time(&utc) >= 0)\n            return true;\n", "test_later_and_earlier", "timegm()"),
    Mutant("the form of today only", "date.c", FORMS, "i < 1", "test_three_forms", "RFC 850"),
    Mutant("two forms", "date.c", FORMS, "i < 2", "test_three_forms", "asctime()"),
    Mutant("a year of two digits is of this century", "date.c", STRPTIME, STRPTIME + "        if (i == 1 && utc.tm_year < 100)\n            utc.tm_year += 100;\n",
           "test_three_forms", "94 is 1994"),
    Mutant("no leap days", "date.c", "year / 4 - year / 100 + year / 400 - 477", "(year < 2000 ? 6 : 7)", "test_three_forms", "count the leap days"),
    Mutant("what strptime() takes", "date.c", AGAIN, "        if (*when > 0)\n", "test_no_date", "where it stopped"),
    Mutant("more behind it", "date.c", "strcmp(again, text) == 0", "strncmp(again, text, strlen(again)) == 0", "test_no_date", "where it stopped"),
    Mutant("a day of one digit", "date.c", "strcmp(again, text) == 0", "strcmp(again + strlen(again) - 20, text + strlen(text) - 20) == 0", "test_no_date", "a digit less"),
    Mutant("the future counts", "conditions.c", " && since <= time(NULL)", "", "test_no_date", "from a wrong clock"),
    Mutant("the last of two dates", "conditions.c", "++conditions->lines[i] == 1 &&", "++conditions->lines[i] > 0 &&", "test_no_date", "none does"),
    Mutant("the first of two dates", "conditions.c", "            strcpy(conditions->values[i], is_kept ? value : \"\");", "            if (is_kept)\n                strcpy(conditions->values[i], value);",
           "test_no_date", "none does"),
    Mutant("If-None-Match is overheard", "conditions.c", "conditions->lines[NONE_MATCH] == 0 && ", "", "test_no_date", "Beside If-None-Match"),
    Mutant("no Range", "conditions.c", "    return find_part(conditions->values[RANGE], info->st_size, part);", "    return find_part(\"\", info->st_size, part);", "test_parts", "counted from 0"),
    Mutant("206 has other words", "response.c", '"Partial Content"', '"Partial"', "test_parts", "REASON"),
    Mutant("the end is not looked at", "conditions.c", LAST, LAST.replace("last >= size", "last > 2 * size"), "test_parts", "beyond the end ends there"),
    Mutant("N beyond the beginning", "conditions.c", "        first = last < size ? size - last : 0;\n", "        first = size - last;\n", "test_parts", "N is SIZE at most"),
    Mutant("-N from the beginning", "conditions.c", "        first = last < size ? size - last : 0;\n        last = -1;\n", "        first = 0;\n", "test_parts", "the last N bytes"),
    Mutant("A- is none", "conditions.c", ONE, ONE.replace("(first < 0 && last < 0)", "last < 0"), "test_parts", "all from A on"),
    Mutant("206 without Last-Modified", "response.c", JUDGED, JUDGED + "    if (*status == 206)\n        extra[0] = '\\0';\n", "test_parts", "headers that 200 has"),
    Mutant("the size is missing", "conditions.c", "bytes %lld-%lld/%lld\\r\\n\", first, last, size)", "bytes %lld-%lld/*\\r\\n\", first, last)", "test_parts", "FIRST-LAST/SIZE"),
    Mutant("the length of the file", "response.c", "content_type(request->path), part.length, extra)", "content_type(request->path), info->st_size, extra)", "test_parts", "and not those of the file"),
    Mutant("B is not sent", "conditions.c", LENGTH, LENGTH.replace("last - first + 1", "last - first + (last == size - 1)"), "test_parts", "LAST-FIRST+1"),
    Mutant("no lseek()", "response.c", SEEK, "", "test_parts", "lseek() goes"),
    Mutant("the log tells the file's size for a part", "serve.c", "    log_request(peer, request.line, status, bytes);", "    log_request(peer, request.line, status, status == 206 ? info.st_size : bytes);",
           "test_parts", "The log tells 206"),
    Mutant("no Accept-Ranges", "response.c", '"Accept-Ranges: bytes\\r\\n%s"', '"%s"', "test_accept_ranges", "With 200 and 206"),
    Mutant("200 for what is beyond", "conditions.c", "    return part->length > 0 ? 206 : 416;", "    return part->length > 0 ? 206 : (part->length = size, 200);", "test_no_such_part", "From 0 to SIZE-1"),
    Mutant("416 has other words", "response.c", '"Range Not Satisfiable"', '"Requested Range Not Satisfiable"', "test_no_such_part", "REASON"),
    Mutant("416 without the size", "response.c", "             part.content_range);", "             *status == 416 ? \"\" : part.content_range);", "test_no_such_part", "*/SIZE"),
    Mutant("the last none is all", "conditions.c", "        first = last < size ? size - last : 0;\n", "        first = last < size && last > 0 ? size - last : 0;\n", "test_no_such_part", "the last none"),
    Mutant("an empty file is sent", "conditions.c", UNIT, "    if (size == 0)\n        return 200;\n" + UNIT, "test_no_such_part", "no byte 0"),
    Mutant("HEAD has parts", "conditions.c", "    if (request->head ||\n        (", "    if ((", "test_no_range", "GET alone"),
    Mutant("the last of two Ranges", "conditions.c", "++conditions->lines[i] == 1 &&", "(++conditions->lines[i] == 1 || i == RANGE) &&", "test_no_range", "Two lines Range"),
    Mutant("the first of several", "conditions.c", "if (*range != '\\0' ||", "if ((*range != '\\0' && *range != ',') ||", "test_no_range", "Several ranges"),
    Mutant("416 for an empty file's end", "conditions.c", "        if (size == 0 && last > 0)\n            return 200;", "        if (size < 0)\n            return 200;", "test_no_range", "all of it"),
    Mutant("any unit", "conditions.c", UNIT + "    range += 6;\n", "    range += strcspn(range, \"=\");\n    if (*range++ != '=')\n        return 200;\n", "test_no_range", "no other unit"),
    Mutant("backwards", "conditions.c", ONE, ONE.replace(" || (last >= 0 && last < first)", ""), "test_no_range", "A <= B"),
    Mutant("a sign", "conditions.c", DIGIT, "    if (!isdigit((unsigned char)**text) && **text != '+')", "test_no_range", "takes a sign"),
    Mutant("what stands behind it", "conditions.c", "if (*range != '\\0' ||", "if (strchr(range, ',') != NULL ||", "test_no_range", "what stands behind"),
    Mutant("atoi()", "conditions.c", NUMBER, "    long long number = (int)strtoul(*text, &end, 10);\n", "test_large_numbers", "atoi()"),
    Mutant("an int for the file", "conditions.c", LAST, LAST + "    if (size > 2147483647 && first > 2147483647)\n        first = size;\n", "test_large_numbers", "ends at 2 GiB"),
    Mutant("numbers that wrap around", "conditions.c", NUMBER, NUMBER + "    if (number == 9223372036854775807LL)\n        number = 0;\n", "test_large_numbers", "beyond the end"),
    Mutant("If-Range never fits", "conditions.c", SAME, "date != date", "test_if_range", "the very date"),
    Mutant("If-Range of any later date", "conditions.c", SAME, "date >= info->st_mtime", "test_if_range", "neither earlier nor later"),
    Mutant("If-Range of any earlier date", "conditions.c", SAME, "date <= info->st_mtime", "test_if_range", "neither earlier nor later"),
    Mutant("what is no date fits", "conditions.c", "         !(parse_date(conditions->values[IF_RANGE], &date) && " + SAME + ")))", "         parse_date(conditions->values[IF_RANGE], &date) && date != info->st_mtime))",
           "test_if_range", "An ETag"),
    Mutant("416 before If-Range", "conditions.c", "    /* Parts of two", "    if (!request->head && find_part(conditions->values[RANGE], info->st_size, part) == 416)\n        return 416;\n    " + PART.strip()
           + "\n    /* Parts of two", "test_if_range", "there is no Range"),
    Mutant("the Range first", "conditions.c", "    if (is_known(conditions, info->st_mtime))", "    if (conditions->lines[RANGE] == 0 && is_known(conditions, info->st_mtime))", "test_order", "First comes the date"),
]
