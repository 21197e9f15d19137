#!/bin/sh
# Hook "mount", for initrds without systemd: with it, sysroot.mount has done the same already.

# shellcheck disable=SC2154
if [ -e /run/slipway/done ] && ! ismounted "$NEWROOT"; then
    . /lib/slipway/slipway-lib.sh
    if slipway_find_method && [ -n "$slipway_mounts" ]; then
        mount --bind "$slipway_root" "${NEWROOT:?}"
        if [ -z "$slipway_writable" ]; then slipway_flags=ro${slipway_flags:+,$slipway_flags}; fi
        [ -z "$slipway_flags" ] || mount -o "remount,bind,$slipway_flags" "$NEWROOT"
    fi
fi
