#!/bin/sh
# Hook "pre-pivot": makes /etc and /var of a read-only root writable, and leaves no traces in /run.

if [ -e /run/slipway/done ]; then
    . /lib/slipway/slipway-lib.sh
    slipway_find_method
    if [ -z "$slipway_writable" ]; then
        for slipway_directory in etc var; do
            [ -d "$slipway_root/$slipway_directory" ] || continue
            # The tmpfs itself is writable; only the mount at the new root is not.
            # shellcheck disable=SC2154
            mount --bind "$slipway_root/$slipway_directory" "$NEWROOT/$slipway_directory"
        done
    fi
    umount "$slipway_root" || umount -l "$slipway_root"
    rm -rf "$slipway_run"
fi
