#!/bin/bash
# slipway.containers=URL: no root at all, the initrd runs containers.

check() { require_binaries crun jq setfattr ip stat && return 255; }

depends() { echo slipway-lib slipway-oci; }

installkernel() {
    # Asked for by name where there is one: some kernels have them built in.
    hostonly='' instmods overlay veth bridge nf_tables nft_chain_nat nft_masq nf_nat nft_ct nf_conntrack ext4 \
        dm-crypt loop xts aes essiv sha256 =drivers/block =drivers/nvme =drivers/ata =drivers/scsi
}

install() {
    local part
    inst_multiple crun jq setfattr mknod fallocate date env kill mktemp sort timeout chown md5sum find sync
    # For private networks with a way out; for the clock; for another kernel at the end; for cache devices, their
    # volumes and watches over those.
    inst_multiple -o nft bridge busybox chronyd kexec mkfs.ext4 e2fsck blkid wipefs sfdisk lsblk blockdev udevadm \
        cryptsetup losetup inotifywait findmnt du /etc/mke2fs.conf
    inst_simple "$moddir/containers.sh" /lib/slipway/methods/containers.sh
    for part in "$moddir"/containers-*; do
        inst_simple "$part" "/lib/slipway/${part##*/}"
    done
}
