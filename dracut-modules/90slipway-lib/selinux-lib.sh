#!/bin/sh
# SELinux labels of a tree that was unpacked before any policy was loaded: such labels do not hold, so they are set anew
# just before the system starts, from the image's own policy.

# Labels $slipway_root where the kernel has SELinux switched on and the image has a policy that it wants in force.
slipway_relabel() {
    [ -d /sys/fs/selinux ] || return 0
    grep -q '^SELINUX=\(enforcing\|permissive\)' "$slipway_root/etc/selinux/config" 2> /dev/null || return 0
    if [ ! -x "$slipway_root/sbin/load_policy" ] || [ ! -x "$slipway_root/sbin/restorecon" ]; then
        slipway_tell 'the root stays without SELinux labels: the image has no load_policy and restorecon (policycoreutils)'
        return 0
    fi
    slipway_say 'labelling the root for SELinux'
    for slipway_directory in proc sys dev; do
        mount --rbind "/$slipway_directory" "$slipway_root/$slipway_directory"
    done
    chroot "$slipway_root" /bin/sh -c \
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin; load_policy -i && restorecon -F -R -e /proc -e /sys -e /dev /' \
        > "$slipway_run/selinux.log" 2>&1 || slipway_tell "SELinux: $(tail -n 1 "$slipway_run/selinux.log")"
    for slipway_directory in proc sys dev; do
        umount -R "$slipway_root/$slipway_directory" 2> /dev/null || umount -l "$slipway_root/$slipway_directory"
    done
}
