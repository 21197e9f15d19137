#!/bin/bash
# bootc.live.erofs=1: the root as an EROFS image that the node makes.

check() { require_binaries mkfs.erofs && return 255; }

depends() { echo bootc-live; }

installkernel() { hostonly='' instmods loop erofs; }

install() {
    inst_multiple mkfs.erofs cp
    inst_simple "$moddir/bootc-erofs.sh" /lib/slipway/bootc-erofs.sh
}
