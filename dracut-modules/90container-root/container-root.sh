#!/bin/sh
# The root is a tar archive that goes straight from the network into a tmpfs.

# Takes the boot on if the kernel line has rd.container.rootfs=, whatever root= says.
slipway_claim() {
    slipway_source=$(getarg rd.container.rootfs=)
    [ -n "$slipway_source" ] || return 1
    slipway_method=container-root
    # Mounted read-write as a whole, as from a disk.
    slipway_writable=1
}

# Makes the root in $slipway_root from $slipway_source. A broken transfer begins again with an empty tmpfs.
slipway_make_root() {
    container_try=1
    container_mismatches=0
    while :; do
        slipway_tmpfs "$slipway_root" "$slipway_tmpfs_size" ||
            slipway_failed "no tmpfs of size '$slipway_tmpfs_size' can be made" 'Correct rd.tmpfs.size=.' || return 1
        rm -f "$slipway_work/fetch.status"
        if container_bytes | slipway_unpack "$slipway_root"; then container_unpacked=1; else container_unpacked=''; fi
        container_status=$(cat "$slipway_work/fetch.status" 2> /dev/null)
        container_digest=$(cut -d ' ' -f 1 < "$slipway_work/digest")
        if [ "$container_status" != 0 ]; then
            slipway_drop "$slipway_root"
            slipway_try_again "$container_try" "${container_status:-1}" "$slipway_source" 0 || return 1
            container_try=$((container_try + 1))
        elif ! slipway_check_digest "$slipway_sha256" "$container_digest" "$slipway_source"; then
            # Once more, for a byte may flip on the way; then the file itself is wrong.
            slipway_drop "$slipway_root"
            slipway_say "$(cat "$slipway_run/failure")"
            [ "$container_mismatches" -eq 0 ] || return 1
            container_mismatches=1
        elif [ -n "$container_unpacked" ]; then
            return 0
        else
            slipway_drop "$slipway_root"
            return 1
        fi
    done
}

# The archive's bytes, from wherever they are; the status goes to $slipway_work/fetch.status.
container_bytes() {
    if slipway_is_url "$slipway_source"; then
        slipway_transfer "$slipway_source" 0
    else
        cat "$slipway_source"
    fi
    echo $? > "$slipway_work/fetch.status"
}
