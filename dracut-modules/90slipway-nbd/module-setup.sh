#!/bin/bash
# root=slipway+nbd:HOST:PORT/DIGEST: a squashfs or EROFS image, read on demand from the server, every block checked.

check() { require_binaries nbd-client dmsetup timeout unshare && return 255; }

depends() { echo slipway-lib; }

installkernel() {
    # Asked for by name where there is one: some kernels have them built in.
    hostonly='' instmods nbd dm-multipath dm-round-robin dm-verity overlay squashfs erofs \
        sha256 sha256_generic sha256-ssse3 sha256-arm64 sha2-ce
}

install() {
    inst_multiple nbd-client dmsetup chroot cp cut dd dmesg mknod sleep stat timeout unshare
    inst_simple "$moddir/slipway-nbd.sh" /lib/slipway/methods/slipway-nbd.sh
    inst_simple "$moddir/nbd-lib.sh" /lib/slipway/nbd-lib.sh
    inst_simple "$moddir/nbd-watch.sh" /lib/slipway/nbd-watch.sh
}
