/* transfer.h - one file for one client. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "packet.h"
#include "webroot.h"

/* Opens a socket at a place; port 0 is any that is free. Returns it, or -1 after a report. */
int open_receiver(const struct place *own);

/* Receives a packet, without waiting for one, and who has sent it. One that is too short to be any
 * has opcode 0. Returns its size, or -1. */
ssize_t receive(int receiver, struct packet *packet, struct place *sender);

/* Sends an ERROR. Returns its text. */
const char *send_error(int sender, const struct place *to, enum error error);

/* Answers a request of so many bytes, from a socket at own: sends the file of the webroot that it
 * names, or an ERROR, and logs which. */
void serve_request(const struct packet *request, size_t size, const struct place *client,
                   const struct place *own, const struct webroot *root);

#endif
