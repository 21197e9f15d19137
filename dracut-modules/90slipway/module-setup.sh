#!/bin/bash
# All root methods of Slipway that the tools at hand allow: `dracut --add slipway`. Name single ones to leave out what
# the others need.

check() {
    return 255
}

depends() {
    echo bootc-live container-root slipway-image
    # What it takes is in packages of their own: erofs-utils, e2fsprogs, kexec-tools.
    if find_binary mkfs.erofs > /dev/null; then echo bootc-live-erofs; fi
    if find_binary mkfs.ext4 > /dev/null; then echo bootc-live-zram; fi
    if find_binary kexec > /dev/null; then echo bootc-live-kexec; fi
    # Debian's dracut-live; its modules refuse an initrd for one machine only.
    # shellcheck disable=SC2154
    if [ -z "$hostonly" ] && [ -n "$(find "$dracutbasedir/modules.d" -name '*livenet')" ]; then echo slipway-live; fi
}
