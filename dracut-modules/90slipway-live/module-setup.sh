#!/bin/bash
# root=live:URL, for dracut's own livenet and dmsquash-live.

check() {
    # Of Debian's package dracut-live; it refuses an initrd for one machine only.
    (module_check livenet)
    [ $? -eq 255 ] && return 255
}

depends() { echo slipway-lib livenet; }

installkernel() { hostonly='' instmods loop overlay squashfs erofs iso9660; }

install() {
    inst_multiple losetup modprobe
    inst_simple "$moddir/live.sh" /lib/slipway/methods/live.sh
}
