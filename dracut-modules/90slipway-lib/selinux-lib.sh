#!/bin/sh
# SELinux labels that were written before any policy was loaded do not hold, so they are set anew just before the system
# starts, from the image's own policy: all of an unpacked tree's, and that of the top directory where that is an
# overlay's, as what lies below has the labels of the image.

# Labels $slipway_root where the kernel has SELinux switched on and the image has a policy that it wants in force.
# $@: options for restorecon: -R for everything.
slipway_relabel() {
    local config='' directory=''
    [ -d /sys/fs/selinux ] || return 0
    mkdir -p "$slipway_work"
    config=$(slipway_regular_files "$slipway_root" /etc/selinux/config)
    [ -n "$config" ] && grep -q '^SELINUX=\(enforcing\|permissive\)' "$config" || return 0
    if ! slipway_root_has "$slipway_root" /sbin/load_policy || ! slipway_root_has "$slipway_root" /sbin/restorecon; then
        slipway_tell 'the root stays without SELinux labels: the image has no policycoreutils (load_policy, restorecon)'
        return 0
    fi
    for directory in proc sys dev; do
        slipway_is_directory "$slipway_root/$directory" && continue
        slipway_tell "the root stays without SELinux labels: its /$directory is no directory"
        return 0
    done
    slipway_say 'labelling the root for SELinux'
    # The policy is not made for what an initrd does. The system that starts loads it anew, and enforces it then if that
    # is asked for.
    [ -e /sys/fs/selinux/enforce ] || mount -t selinuxfs selinuxfs /sys/fs/selinux
    echo 0 > /sys/fs/selinux/enforce
    for directory in proc sys dev; do
        # Slaves, so that unmounting them leaves the initrd its own.
        mount --rbind --make-rslave "/$directory" "$slipway_root/$directory"
    done
    # Programs of the image, as root, as it starts in a moment: by now all of its bytes were verified.
    chroot "$slipway_root" /bin/sh -c \
        'PATH=/usr/sbin:/usr/bin:/sbin:/bin; load_policy && restorecon -F "$@" -e /proc -e /sys -e /dev /' sh "$@" \
        > "$slipway_run/selinux.log" 2>&1 || slipway_tell "SELinux: $(tail -n 1 "$slipway_run/selinux.log")"
    for directory in proc sys dev; do
        umount -R "$slipway_root/$directory" 2> /dev/null || umount -l "$slipway_root/$directory"
    done
}
