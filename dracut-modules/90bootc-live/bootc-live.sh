#!/bin/sh
# The root is a container image, its layers unpacked into memory while they arrive: from an OCI archive, by URL or in
# the initrd, or from a registry.

# Takes the boot on if root= begins with bootc-live:.
slipway_claim() {
    slipway_source=$(getarg root=)
    case $slipway_source in
        bootc-live:?*) slipway_source=${slipway_source#bootc-live:} ;;
        *) return 1 ;;
    esac
    slipway_method=bootc-live
    if getargbool 0 rw; then slipway_writable=1; fi
    if getargbool 0 bootc.live.erofs; then
        # Whatever rw says; what is writable in such a root are copies, which slipway_pivot makes.
        slipway_writable=''
    else
        slipway_directories=$(bootc_writable)
    fi
    slipway_flags=$(getarg rootflags=)
    slipway_zram=$(getarg bootc.zram=)
    if getargbool 0 bootc.quiet; then slipway_quiet=1; fi
}

# The directories that are writable in a read-only root.
bootc_writable() {
    ! getargbool 1 bootc.live.etc.rw || echo etc
    ! getargbool 1 bootc.live.var.rw || echo var
}

# Makes the root in $slipway_root from $slipway_source.
slipway_make_root() {
    slipway_load oci-lib oci-layers
    oci_label=$(getarg bootclabel=)
    slipway_is_size "$slipway_zram" ||
        slipway_failed "bootc.zram=$slipway_zram is no size" 'Give a number with k, M or G, such as 4G.' || return 1
    if getargbool 0 bootc.kexec; then
        bootc_has bootc-kexec bootc-live-kexec bootc.kexec || return 1
        # Returns only if it fails.
        bootc_kexec
        return 1
    fi
    bootc_unpack && slipway_check_root || return 1
    if getargbool 0 bootc.live.erofs; then
        bootc_has bootc-erofs bootc-live-erofs bootc.live.erofs && bootc_pack
    fi
}

# Loads a part that a module of its own brings. $1: its name; $2: the module; $3: the argument that asks for it.
bootc_has() {
    [ -f "/lib/slipway/$1.sh" ] ||
        slipway_failed "this initrd cannot do what $3 asks for" \
            "Add the dracut module $2 to the initrd, or leave $3 out." || return 1
    slipway_load "$1"
}

# Unpacks the image into $slipway_root.
bootc_unpack() {
    case $slipway_source in
        docker://*)
            slipway_load oci-registry
            oci_pull "${slipway_source#docker://}"
            ;;
        *)
            slipway_is_there || return 1
            slipway_load oci-archive
            slipway_receive slipway_new_memory "$slipway_source" "$slipway_sha256" oci_receive "$slipway_root" ||
                return 1
            slipway_forget_source
            ;;
    esac
}

# Just before the system starts.
slipway_pivot() {
    if getargbool 0 bootc.live.erofs; then
        slipway_load bootc-erofs
        bootc_copy_writable "$(bootc_writable)"
    else
        slipway_relabel -R
    fi
}
