#!/bin/sh
# The root is a container image in an OCI archive. The archive is the only copy beside the tree: layers are read out
# of it one by one, and it goes away before the system starts.

# Takes the boot on if root= begins with bootc-live:.
slipway_claim() {
    slipway_source=$(getarg root=)
    case $slipway_source in
        bootc-live:?*) slipway_source=${slipway_source#bootc-live:} ;;
        *) return 1 ;;
    esac
    slipway_method=bootc-live
    if getargbool 0 rw; then slipway_writable=1; else slipway_writable=''; fi
}

# Makes the root in $slipway_root from $slipway_source.
slipway_make_root() {
    . /lib/slipway/oci-lib.sh
    oci_label=$(getarg bootclabel=)
    if slipway_is_url "$slipway_source"; then
        oci_archive=$slipway_work/root.oci
        bootc_download || return 1
    else
        oci_archive=$slipway_source
        [ -f "$oci_archive" ] ||
            slipway_failed "the initrd has no $oci_archive" 'Append the archive as a further initrd, or give a URL.' || return 1
        bootc_check_archive || return 1
    fi
    slipway_tmpfs "$slipway_root" "$slipway_tmpfs_size" ||
        slipway_failed "no tmpfs of size '$slipway_tmpfs_size' can be made" 'Correct rd.tmpfs.size=.' || return 1
    if oci_unpack_image "$slipway_root"; then
        rm -f "$oci_archive"
    else
        slipway_drop "$slipway_root"
        return 1
    fi
}

# Downloads the archive whole. Once more if its digest is wrong, for a byte may flip on the way.
bootc_download() {
    slipway_fetch "$slipway_source" "$oci_archive" || return 1
    bootc_check_archive && return 0
    slipway_say "$(cat "$slipway_run/failure")"
    slipway_fetch "$slipway_source" "$oci_archive" && bootc_check_archive
}

# Whether the archive is the one that slipway.sha256= names.
bootc_check_archive() {
    [ -n "$slipway_sha256" ] || return 0
    slipway_say 'checking the digest of the archive'
    slipway_check_digest "$slipway_sha256" "$(sha256sum < "$oci_archive" | cut -d ' ' -f 1)" "$slipway_source"
}
