/* kinds.h - networks, and what is said of them. */
#ifndef KINDS_H
#define KINDS_H

/* Fills mask with prefix bits that are 1, from the left, and then zeros. */
void make_mask(unsigned char mask[16], int prefix);

/* The kind of an address, such as "private". Its bytes are in network order: 4 for the family
 * AF_INET, 16 for AF_INET6. */
const char *kind_of(int family, const unsigned char *bytes);

#endif
