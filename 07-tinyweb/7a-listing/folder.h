/* folder.h - a folder, shown as a page. */
#ifndef FOLDER_H
#define FOLDER_H

#include "request.h"
#include "webroot.h"

/* Sends a page of links, one for each name in the open folder that we serve, and closes the folder.
 * Returns the number of bytes of the page sent; or -1 with errno, when nothing was sent. */
long long send_folder(int client, const struct request *request, const struct webroot *root,
                      int folder);

#endif
