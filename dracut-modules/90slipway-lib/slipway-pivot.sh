#!/bin/sh
# Hook "pre-pivot": makes directories of a read-only root writable, and leaves no traces in /run.

if [ -e /run/slipway/done ]; then
    . /lib/slipway/slipway-lib.sh
    . /lib/slipway/memory-lib.sh
    . /lib/slipway/confine-lib.sh
    . /lib/slipway/selinux-lib.sh
    . /lib/slipway/report-lib.sh
    . /lib/slipway/fetch-lib.sh
    . /lib/slipway/seed-lib.sh
    slipway_find_method
    slipway_pivot
    for directory in $slipway_directories; do
        # A link would be followed into the initrd.
        slipway_is_directory "$slipway_root/$directory" || continue
        # What the root lies in is writable; only the mount at the new root is not.
        # shellcheck disable=SC2154
        mount --bind "$slipway_root/$directory" "${NEWROOT:?}/$directory"
    done
    if [ -n "$slipway_mounts" ]; then
        # Where it is mounted from: all of that is writable.
        slipway_place_seed "$slipway_root"
    elif slipway_mount "$slipway_run/seed" --bind "$NEWROOT"; then
        slipway_place_seed "$slipway_run/seed"
        slipway_unmount "$slipway_run/seed"
    fi
    slipway_drop_tools
    slipway_unmount "$slipway_root"
    slipway_unmount "$slipway_memory"
    slipway_report_up
    slipway_report switch-root 'done' 'the system starts'
    # The initrd's processes end with it.
    slipway_await_reports
    # Nothing of the root may go with it.
    grep -q " $slipway_run/" /proc/mounts || rm -rf --one-file-system "${slipway_run:?}"
fi
