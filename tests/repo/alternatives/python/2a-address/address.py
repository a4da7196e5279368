"""address TEXT[/PREFIX]..., from the contract alone: numbers, and no arithmetic on bytes."""

import errno
import ipaddress
import os
import re
import socket
import sys

TABLE = """unspecified 0.0.0.0/32 ::/128
loopback 127.0.0.0/8 ::1/128
private 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7
link-local 169.254.0.0/16 fe80::/10
shared 100.64.0.0/10
documentation 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20
multicast 224.0.0.0/4 ff00::/8
broadcast 255.255.255.255/32
mapped ::ffff:0:0/96
special 0.0.0.0/8 192.0.0.0/24 198.18.0.0/15 240.0.0.0/4 2001::/23
public 0.0.0.0/0 2000::/3
special ::/0"""
NETWORKS = [(line.split()[0], ipaddress.ip_network(text)) for line in TABLE.splitlines() for text in line.split()[1:]]


def usage(bad):
    sys.stderr.write("address: what is %s?\nusage: address TEXT[/PREFIX]...\n" % bad)
    sys.exit(2)


def read(text):
    """The bytes of an address, and who takes it. Raises OSError."""
    if ":" in text:
        return socket.inet_pton(socket.AF_INET6, text), "inet_pton only"
    try:
        return socket.inet_pton(socket.AF_INET, text), "inet_pton and inet_aton"
    except OSError:
        if re.search(r"\s", text):
            raise
        return socket.inet_aton(text), "inet_aton only"


def tell(argument):
    """All rows of an argument."""
    text, slash, prefix = argument.partition("/")
    try:
        packed, by = read(text)
    except (OSError, ValueError):
        usage(argument)
    address = ipaddress.ip_address(packed)
    if slash and not (re.fullmatch("[0-9]{1,3}", prefix) and int(prefix) <= address.max_prefixlen):
        usage(argument)
    rows = [("address", socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, packed)),
            ("bytes", packed.hex(" "))]
    if address.version == 4:
        rows += [("number", int(address)), ("in memory", int(address).to_bytes(4, sys.byteorder).hex(" "))]
    rows += [("kind", next(kind for kind, network in NETWORKS if network.version == address.version and address in network)),
             ("read by", by)]
    if slash:
        network = ipaddress.ip_network("%s/%s" % (address, prefix), strict=False)
        count = network.num_addresses if network.version == 4 else "2^%d" % (128 - network.prefixlen)
        rows += [("mask", network.netmask), ("first", network[0]), ("last", network[-1]), ("count", count)]
    return "".join("%-12s%s\n" % row for row in rows)


if len(sys.argv) < 2:
    usage("to be told")
told = "\n".join(map(tell, sys.argv[1:])).encode()
try:
    while told:
        told = told[os.write(1, told):]
except OSError as error:
    sys.stderr.write("address: write: %s (%s)\n" % (error.strerror, errno.errorcode[error.errno]))
    sys.exit(1)
