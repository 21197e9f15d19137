#!/bin/sh
# The root is an archive that goes straight from the network into memory: of a file system, or of a container image.

# Takes the boot on if the kernel line has rd.container.rootfs=, whatever root= says.
slipway_claim() {
    slipway_source=$(getarg rd.container.rootfs=)
    [ -n "$slipway_source" ] || return 1
    slipway_method=container-root
    # Mounted read-write as a whole, as from a disk.
    slipway_writable=1
}

# Makes the root in $slipway_root from $slipway_source.
slipway_make_root() {
    slipway_is_there || return 1
    slipway_receive slipway_new_memory "$slipway_source" "$slipway_sha256" slipway_decompressed container_unpack &&
        slipway_check_root
}

# Unpacks the uncompressed archive at standard input, as what the names of its first two members tell.
container_unpack() {
    local how=slipway_unpack block=0 members=0
    dd bs=512 count=16 iflag=fullblock of="$slipway_work/head" 2> /dev/null
    while [ "$members" -lt 2 ] && [ "$block" -lt 16 ] && slipway_tar_header "$slipway_work/head" "$block"; do
        block=$((block + 1 + (tar_size + 511) / 512))
        case $tar_type:$tar_name in
            # What does not fit into the next member's header (POSIX pax), and the top directory.
            [xg]:* | [05]:) continue ;;
        esac
        case $members$tar_name in
            0oci-layout | 0index.json | 0blobs/ | 0blobs/sha256/*)
                how=container_unpack_image
                break
                ;;
            ?manifest.json | ?repositories | ?*/layer.tar) how=slipway_docker_archive ;;
        esac
        # docker, podman and skopeo call folders, layers and documents by digests.
        ! slipway_is_digest "${tar_name%%[./]*}" || how=slipway_docker_archive
        members=$((members + 1))
    done
    cat "$slipway_work/head" - | "$how" "$slipway_root"
}

# $1: an empty directory
container_unpack_image() {
    command -v jq > /dev/null ||
        slipway_failed 'this initrd cannot read OCI archives: it lacks jq' \
            'Install jq where the initrd is made, or give a tar archive of the file system.' || return 1
    slipway_load oci-lib oci-layers oci-archive
    oci_label=$(getarg bootclabel=)
    oci_receive_layout "$1"
}

# Just before the system starts.
slipway_pivot() {
    slipway_relabel -R
}
