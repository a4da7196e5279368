#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

int parse_number(const char *text, int max)
{
    int number = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -1; /* strtol() would let " 80", "+80" and "80x" pass */
        number = 10 * number + (*text - '0');
        if (number > max)
            return -1;
    }
    return number;
}

socklen_t parse_address(const char *text, int port, struct sockaddr_storage *address)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &ipv4->sin_addr) == 1) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons((uint16_t)port); /* the network wants the high byte first */
        return sizeof *ipv4;
    }
    memset(address, 0, sizeof *address); /* the first try may have left something */
    if (inet_pton(AF_INET6, text, &ipv6->sin6_addr) == 1) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons((uint16_t)port);
        return sizeof *ipv6;
    }
    return 0;
}

const char *address_text(const struct sockaddr *address, char *text)
{
    char host[INET6_ADDRSTRLEN] = "?";
    int port = 0;

    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &ipv4->sin_addr, host, sizeof host);
        port = ntohs(ipv4->sin_port);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &ipv6->sin6_addr, host, sizeof host);
        port = ntohs(ipv6->sin6_port);
    }
    snprintf(text, ADDRESS_TEXT_SIZE, "%s port %d", host, port);
    return text;
}
