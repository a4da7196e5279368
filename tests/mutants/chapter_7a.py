"""Wrong versions of 7a-listing."""

from mutants import Mutant

LINKED = '''    if (name->is_folder)
        strcat(linked.path, "/");
    int file = open_file(&linked, root, &info, &status);
    if (file >= 0)
        close(file);
    return status == 503 ? -1 : status == 200; /* 503: no descriptor, and the name may be right */
'''
OPENED = "    int file = open_file(&linked, root, &info, &status);\n"
COMPARED = "    return strcmp(((const struct name *)one)->text, ((const struct name *)other)->text);\n"
SAFE = 'strchr("-._~", *text)'
SENT = '    if (send_all(client, head, length) < 0 || request->head || send_all(client, page, size) < 0)\n'
HEAD = 'format_head(head, 200, "text/html; charset=utf-8", (long long)size, "");'
KIND = "    else if (is_page ? S_ISREG(info->st_mode) : S_ISDIR(info->st_mode))\n"
IS_PAGE = "    bool is_page = !is_folder || file >= 0 || errno != ENOENT;\n"
IN_LINK = "    write_text(page, name->text);\n"
ABOVE = "    if (request->path[strspn(request->path, \"/\")] != '\\0')\n"
MORE = "    if (names->count > NAMES_MAX)\n"

MUTANTS = [
    Mutant("404, as before", "serve.c", IS_PAGE, "    bool is_page = true;\n", "test_shows_a_folder", "fails with ENOENT"),
    Mutant("a folder is read as a file", "serve.c", "    if (status == 200 && S_ISDIR(info.st_mode)) {\n", "    if (status == 201) {\n",
           "test_shows_a_folder", "EISDIR"),
    Mutant("plain text", "response.c", HEAD, HEAD.replace("html", "plain"), "test_shows_a_folder", "its Content-Type says so"),
    Mutant("no charset", "response.c", HEAD, HEAD.replace("; charset=utf-8", ""), "test_shows_a_folder", "its Content-Type says so"),
    Mutant("a length that is too large", "response.c", HEAD, HEAD.replace("size,", "size + 1,"), "test_shows_a_folder", "counts the bytes of the page"),
    Mutant("the links are the webroot's", "folder.c", r'fputs("<li><a href=\"", page);', r'fputs("<li><a href=\"/", page);', "test_shows_a_folder", "behind the page's own path"),
    Mutant("only the first name", "folder.c", "    while (names->count <= NAMES_MAX) {\n", "    while (names->count < 1) {\n", "test_shows_a_folder", "until it returns NULL"),
    Mutant("only . and .. are left out", "folder.c", "entry->d_name[0] == '.' ||", 'strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||',
           "test_dot_files", "whose first byte is a dot"),
    Mutant("no name is left out", "folder.c", "entry->d_name[0] == '.' || ", "", "test_dot_files", "whose first byte is a dot"),
    Mutant("HEAD has the page", "response.c", SENT, SENT.replace("request->head || ", ""), "test_head", "nothing behind it"),
    Mutant("HEAD says 0", "response.c", HEAD, HEAD.replace("(long long)size", "request->head ? 0 : (long long)size"), "test_head", "how long the page would be"),
    Mutant("a head of its own", "response.c", HEAD, r'(size_t)snprintf(head, sizeof head, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: %zu\r\n\r\n", size);',
           "test_head", "Date, Server, Connection"),
    Mutant("the log counts the head, too", "serve.c", "    log_request(peer, request.line, status, bytes);", "    log_request(peer, request.line, status, bytes + (S_ISDIR(info.st_mode) ? 160 : 0));",
           "test_head", "without its head"),
    Mutant("no redirection", "serve.c", KIND, "    else if (S_ISREG(info->st_mode) || S_ISDIR(info->st_mode))\n", "test_old_promises", "is still 301"),
    Mutant("a folder that is not there is 403", "serve.c", "    if (file < 0 || fstat(file, info) < 0)\n", "    if (file < 0 && !is_page)\n        *status = 403;\n"
           "    else if (file < 0 || fstat(file, info) < 0)\n", "test_old_promises", "What is not there is 404"),
    Mutant("whatever is wrong with index.html", "serve.c", "|| file >= 0 || errno != ENOENT;", "|| file >= 0;", "test_old_promises", "only ENOENT says"),
    Mutant("a folder index.html is redirected", "serve.c", "S_ISDIR(info->st_mode) && !is_folder", "S_ISDIR(info->st_mode)", "test_old_promises", "is no file is 403"),
    Mutant("no index.html is found", "serve.c", 'strcpy(request->path + length, "index.html");', 'strcpy(request->path + length, "index.htm");',
           "test_old_promises", "it is the folder's page"),
    Mutant("EACCES is our trouble", "serve.c", "    case EACCES: /* not ours to read, or outside the webroot */\n", "", "test_a_folder_that_may_not_be_read", "fails with EACCES"),
    Mutant("the folder is not closed", "folder.c", "        closedir(stream); /* and with it the folder */\n", "        (void)0;\n", "test_leaks_nothing", "closedir() closes"),
    Mutant("the page stays in memory", "folder.c", "page, size);\n    free(page);\n", "page, size);\n", "test_leaks_nothing", "goes to free()"),
    Mutant("the names stay in memory", "folder.c", "    free(names);\n", "", "test_leaks_nothing", "goes to free()"),
    Mutant("errno of an earlier call", "folder.c", "        errno = 0; /* readdir() returns NULL at the end, and for an error */\n", "", "test_sorted", "make it 0 before"),
    Mutant("as they come", "folder.c", "        qsort(names->list, names->count, sizeof names->list[0], compare);\n", "        (void)compare;\n", "test_sorted", "in no order at all"),
    Mutant("as a dictionary has it", "folder.c", COMPARED, COMPARED.replace("strcmp", "strcasecmp"), "test_sorted", "with strcmp() sorts them"),
    Mutant("a char below 0", "folder.c", COMPARED, "    signed char first = (signed char)((const struct name *)one)->text[0], second = (signed char)((const struct name *)other)->text[0];\n"
           "    if (first != second)\n        return first - second;\n" + COMPARED, "test_sorted", "may be less than 0"),
    Mutant("the slash is sorted, too", "folder.c", COMPARED, "    const struct name *left = one, *right = other;\n    char first[300], second[300];\n"
           '    snprintf(first, sizeof first, "%s%s", left->text, left->is_folder ? "/" : "");\n    snprintf(second, sizeof second, "%s%s", right->text, right->is_folder ? "/" : "");\n'
           "    return strcmp(first, second);\n", "test_sorted", "its slash comes behind that"),
    Mutant("no slashes", "folder.c", 'const char *slash = name->is_folder ? "/" : "";', 'const char *slash = "";', "test_slashes", "end in a slash"),
    Mutant("a link is no folder", "folder.c", OPENED, OPENED + "    struct stat own;\n    name->is_folder = fstatat(folder, name->text, &own, 0x100 /* AT_SYMLINK_NOFOLLOW */) == 0 && S_ISDIR(own.st_mode);\n",
           "test_slashes", "fstatat() follows it"),
    Mutant("no way up", "folder.c", ABOVE, "    if (request->path[0] == 0)\n", "test_slashes", "has a link to ../"),
    Mutant("a way up from //", "folder.c", ABOVE, "    if (strcmp(request->path, \"/\") != 0)\n", "test_slashes", "nothing is above it"),
    Mutant("a way up from the webroot", "folder.c", ABOVE, "    if (request->path[0] != 0)\n", "test_slashes", "nothing is above it"),
    Mutant("a colon stays", "folder.c", SAFE, 'strchr("-._~:", *text)', "test_encodes_names", "taken for a scheme"),
    Mutant("nothing is encoded", "folder.c", "    write_part(page, name->text);\n", "    if (name->text[0])\n        fputs(name->text, page);\n    else\n        write_part(page, name->text);\n",
           "test_encodes_names", "A URL has no such byte"),
    Mutant("a char below 0 in hex", "folder.c", 'fprintf(page, "%%%02X", (unsigned char)*text);', 'fprintf(page, "%%%02X", *text);', "test_encodes_names", "takes an unsigned char"),
    Mutant("% stays", "folder.c", SAFE, 'strchr("-._~%", *text)', "test_encodes_names", "or it would begin an escape"),
    Mutant("? stays", "folder.c", SAFE, 'strchr("-._~?", *text)', "test_encodes_names", "would end the path"),
    Mutant("+ is a space", "folder.c", "            putc(*text, page);\n", "            putc(*text, page);\n        else if (*text == ' ')\n            putc('+', page);\n",
           "test_encodes_names", "+ is no space"),
    Mutant("text is HTML", "folder.c", IN_LINK, "    fputs(name->text, page);\n", "test_escapes_names", "A name is text, and not HTML"),
    Mutant("the title is HTML", "folder.c", "    write_text(page, request->path);\n", "    fputs(request->path, page);\n", "test_escapes_names", "A name is text, and not HTML"),
    Mutant("& stays", "folder.c", 'strchr("&<>', 'strchr("<>', "test_escapes_names", "& becomes &amp;"),
    Mutant("the text is encoded", "folder.c", IN_LINK, "    write_part(page, name->text);\n", "test_escapes_names", "not its form in the URL"),
    Mutant("all that is there", "folder.c", LINKED, "    (void)root, (void)linked, (void)status;\n    return 1;\n", "test_only_what_is_served", "Ask as a GET does"),
    Mutant("a FIFO is shown", "folder.c", "    if (fstatat(folder, name->text, &info, 0) < 0 ||\n", "    if (fstatat(folder, name->text, &info, 0) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)))\n        return 1;\n"
           "    if (fstatat(folder, name->text, &info, 0) < 0 ||\n", "test_only_what_is_served", "A FIFO, a socket"),
    Mutant("whatever a folder's page is", "folder.c", LINKED, LINKED.replace('"/")', '"/.")').replace("status == 200;", "status == 200 || status == 301;"),
           "test_only_what_is_served", "not if its index.html"),
    Mutant("no links are followed", "folder.c", "&info, 0) < 0 ||", "&info, 0x100 /* AT_SYMLINK_NOFOLLOW */) < 0 ||", "test_only_what_is_served", "leads to something inside"),
    Mutant("it ends without a word", "folder.c", MORE, "    if (names->count > 2 * NAMES_MAX)\n", "test_many_names", "without a word"),
    Mutant("it says so too early", "folder.c", MORE, "    if (names->count >= NAMES_MAX)\n", "test_many_names", "one more to know"),
    Mutant("a thousand", "folder.c", "NAMES_MAX = 10000 ", "NAMES_MAX = 1000 ", "test_many_names", "All 10,000"),
    Mutant("no limit", "folder.c", "NAMES_MAX = 10000 ", "NAMES_MAX = 1000000 ", "test_many_names", "stop at 10,000"),
    Mutant("a short count of send()", "response.c", SENT, SENT.replace("send_all(client, page, size) < 0", "send(client, page, size, 0) < 0"), "test_a_slow_client", "send_all() sends the rest"),
    Mutant("what cannot be opened is left out", "folder.c", "status == 503 ? -1 : status == 200;", "status == 200;", "test_lack_of_descriptors", "looks whole"),
    Mutant("it stays open after 503", "folder.c", "        closedir(stream); /* and with it the folder */\n", "        (void)(page != NULL && closedir(stream));\n", "test_lack_of_descriptors", "on this way out"),
    Mutant("EMFILE is 500", "serve.c", "    case EMFILE: /* a moment later there may be room */\n", "", "test_lack_of_descriptors", "mean 503"),
]
