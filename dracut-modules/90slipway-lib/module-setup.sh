#!/bin/bash
# What the root methods share: network, downloads, unpacking, and giving up with a message.

check() { require_binaries curl tar sha256sum gzip xz zstd && return 255; }

depends() {
    # url-lib brings curl with the certificates that it trusts, and the network with it.
    echo base url-lib
}

installkernel() {
    # IPv4 DHCP needs raw sockets.
    hostonly='' instmods af_packet
}

install() {
    inst_multiple cat chmod chroot cp curl cut dd df grep gzip head ip ln ls mkdir mkfifo modprobe mount mv od readlink \
        rm rmdir sed sha256sum sleep stat tail tar tee touch tr umount uname wc xz zstd
    inst_multiple -o dmesg reboot

    for lib in slipway-lib memory-lib confine-lib selinux-lib network-lib report-lib fetch-lib seed-lib unpack-lib kexec-lib \
        slipway-up; do
        inst_simple "$moddir/$lib.sh" "/lib/slipway/$lib.sh"
    done
    inst_script "$moddir/slipway-root.sh" /sbin/slipway-root
    inst_hook cmdline 30 "$moddir/parse-slipway.sh"
    inst_hook initqueue 90 "$moddir/slipway-job.sh"
    inst_hook mount 90 "$moddir/slipway-mount.sh"
    inst_hook pre-pivot 20 "$moddir/slipway-pivot.sh"
    if dracut_module_included systemd; then
        inst_script "$moddir/slipway-generator.sh" "$systemdutildir/system-generators/slipway-generator"
    fi
    if dracut_module_included systemd-networkd; then
        inst_simple "$moddir/wait-online-any.conf" \
            "$systemdsystemunitdir/systemd-networkd-wait-online.service.d/98-slipway.conf"
    fi
    dracut_need_initqueue
}
