#!/bin/sh
# systemd generator: sysroot.mount for the root that the initqueue makes. It goes into the directory that comes first,
# because systemd's own generator makes a sysroot.mount of root= too, and of root=bootc-live:... one that fails.

# shellcheck disable=SC2034
PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lib/dracut-lib.sh
. /lib/slipway/slipway-lib.sh

early=${2:-/run/systemd/generator.early}

if slipway_find_method && [ -n "$slipway_mounts" ]; then
    options=bind
    [ -n "$slipway_writable" ] || options=bind,ro
    options=$options${slipway_flags:+,$slipway_flags}
    mkdir -p "$early/initrd-root-fs.target.requires"
    ln -sf ../sysroot.mount "$early/initrd-root-fs.target.requires/sysroot.mount"
    cat > "$early/sysroot.mount" << UNIT
[Unit]
Description=Root file system in memory ($slipway_method)
DefaultDependencies=no
After=dracut-initqueue.service dracut-pre-mount.service
Before=initrd-root-fs.target

[Mount]
What=$slipway_root
Where=/sysroot
Type=none
Options=$options
UNIT
fi
