#!/usr/bin/env bash
# Gradescope runs this once, when it makes the image: what the checks need is installed.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends build-essential python3 python3-pytest strace \
    telnet netcat-openbsd curl iproute2 procps util-linux
