#!/bin/bash
# bootc.zram=SIZE: the root in compressed memory.

check() { require_binaries mkfs.ext4 modprobe && return 255; }

depends() { echo bootc-live; }

installkernel() {
    # zstd is what zram compresses with; ext4 wants crc32c where it is not built in.
    hostonly='' instmods zram zstd ext4 crc32c
}

install() {
    inst_multiple mkfs.ext4 modprobe udevadm
    inst_multiple -o /etc/mke2fs.conf
}
