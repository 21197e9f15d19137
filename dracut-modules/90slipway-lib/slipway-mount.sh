#!/bin/sh
# Hook "mount", for initrds without systemd: with it, sysroot.mount has done the same already.

# shellcheck disable=SC2154
if [ -e /run/slipway/done ] && ! ismounted "$NEWROOT"; then
    . /lib/slipway/slipway-lib.sh
    slipway_find_method
    mount --bind /run/slipway/root "$NEWROOT"
    [ -n "$slipway_writable" ] || mount -o remount,bind,ro "$NEWROOT"
fi
