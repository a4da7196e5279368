#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stddef.h>

#include "kinds.h"

/* The first network of its family that an address lies in tells its kind. */
static const struct {
    const char *first;
    int prefix;
    const char *kind;
} networks[] = {
    {"0.0.0.0", 32, "unspecified"},
    {"0.0.0.0", 8, "special"},
    {"10.0.0.0", 8, "private"},
    {"100.64.0.0", 10, "shared"},
    {"127.0.0.0", 8, "loopback"},
    {"169.254.0.0", 16, "link-local"},
    {"172.16.0.0", 12, "private"},
    {"192.0.0.0", 24, "special"},
    {"192.0.2.0", 24, "documentation"},
    {"192.168.0.0", 16, "private"},
    {"198.18.0.0", 15, "special"},
    {"198.51.100.0", 24, "documentation"},
    {"203.0.113.0", 24, "documentation"},
    {"224.0.0.0", 4, "multicast"},
    {"255.255.255.255", 32, "broadcast"},
    {"240.0.0.0", 4, "special"},
    {"0.0.0.0", 0, "public"},
    {"::", 128, "unspecified"},
    {"::1", 128, "loopback"},
    {"::ffff:0:0", 96, "mapped"},
    {"2001:db8::", 32, "documentation"},
    {"3fff::", 20, "documentation"},
    {"2001::", 23, "special"},
    {"2000::", 3, "public"},
    {"fc00::", 7, "private"},
    {"fe80::", 10, "link-local"},
    {"ff00::", 8, "multicast"},
    {"::", 0, "special"},
};

void make_mask(unsigned char mask[16], int prefix)
{
    for (int i = 0; i < 16; i++, prefix -= 8)
        mask[i] = prefix >= 8 ? 0xff : prefix <= 0 ? 0 : (unsigned char)(0xff << (8 - prefix));
}

const char *kind_of(int family, const unsigned char *bytes)
{
    unsigned char first[16], mask[16];

    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        int is_inside = inet_pton(family, networks[i].first, first) == 1; /* of its family */

        make_mask(mask, networks[i].prefix);
        for (int j = 0; is_inside && 8 * j < networks[i].prefix; j++)
            is_inside = (bytes[j] & mask[j]) == first[j];
        if (is_inside)
            return networks[i].kind;
    }
    return "unknown"; /* never: the last network of each family holds all */
}
