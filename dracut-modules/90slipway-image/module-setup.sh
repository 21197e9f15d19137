#!/bin/bash
# root=slipway:URL: a squashfs or EROFS image in memory, below a writable overlay.

check() { return 255; }

depends() { echo slipway-lib; }

installkernel() { hostonly='' instmods loop overlay squashfs erofs; }

install() {
    inst_multiple modprobe
    inst_simple "$moddir/image.sh" /lib/slipway/methods/image.sh
}
