#!/bin/sh
# The root is an image that stays on the server: its blocks come when something reads them, and the kernel may forget
# them again. What is written goes to a tmpfs over it.

# Takes the boot on if root= begins with slipway+nbd:.
slipway_claim() {
    slipway_source=$(getarg root=)
    case $slipway_source in
        slipway+nbd:?*) slipway_source=nbd://${slipway_source#slipway+nbd:} ;;
        *) return 1 ;;
    esac
    slipway_method=slipway-nbd
    slipway_writable=1
}

# Makes the root in $slipway_root from $slipway_source.
slipway_make_root() {
    slipway_load nbd-lib
    nbd_read_arguments || return 1
    nbd_release
    nbd_load_drivers && nbd_keep_tools && nbd_connect_first && nbd_map && nbd_mount && nbd_keep_network &&
        slipway_check_root && nbd_watch && return 0
    nbd_release
    return 1
}

# Just before the system starts.
slipway_pivot() {
    slipway_relabel
}
