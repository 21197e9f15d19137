#!/bin/bash
# bootc.kexec=1: the kernel and the initramfs inside the image take over.

check() { require_binaries kexec && return 255; }

depends() { echo bootc-live; }

install() {
    inst_multiple kexec sort
    inst_simple "$moddir/bootc-kexec.sh" /lib/slipway/bootc-kexec.sh
    inst_simple "$moddir/bootc-kernel.sh" /lib/slipway/bootc-kernel.sh
}
