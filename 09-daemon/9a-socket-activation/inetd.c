#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "detach.h"
#include "errors.h"
#include "inetd.h"
#include "log.h"
#include "serve.h"
#include "signals.h"
#include "user.h"
#include "webroot.h"

int take_connection(struct sockaddr_storage *peer)
{
    socklen_t length = sizeof *peer, size = sizeof(int);
    int type = 0;

    memset(peer, 0, sizeof *peer);
    if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        getpeername(STDIN_FILENO, (struct sockaddr *)peer, &length) < 0)
        return report("descriptor 0");
    if (type != SOCK_STREAM) {
        log_message(LOG_ERR, "descriptor 0: not a connection");
        return -1;
    }
    int client = dup(STDIN_FILENO);
    if (client < 0 || fcntl(client, F_SETFL, 0) < 0) /* it may have come with O_NONBLOCK */
        return report("descriptor 0");
    log_to_syslog(); /* stderr is the client's, too */
    return silence() < 0 ? -1 : client;
}

int serve_connection(int client, const struct sockaddr *peer, const struct config *config)
{
    struct webroot root;

    if (catch_signals() < 0 || open_webroot(&root, config->webroot) < 0 ||
        (config->user[0] != '\0' && become_user(config->user) < 0))
        return -1;
    serve_client(client, peer, &root);
    return 0;
}
