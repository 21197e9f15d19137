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

# Unpacks the uncompressed archive at standard input.
container_unpack() {
    # The first two headers: an archive may begin with a directory.
    dd bs=512 count=2 iflag=fullblock of="$slipway_work/head" 2> /dev/null
    container_first=$(container_name 0)
    container_second=''
    case $container_first in
        */) container_second=$(container_name 512) ;;
    esac
    [ "$container_first" != ./ ] || container_first=$container_second
    case ${container_first#./} in
        oci-layout | index.json | blobs/ | blobs/sha256/*) set -- container_unpack_image ;;
        *) set -- container_unpack_tree ;;
    esac
    # What "docker save" before version 25, podman and skopeo write: folders, layers and documents, called by digests.
    for container_name in "${container_first#./}" "${container_second#./}"; do
        case $container_name in
            manifest.json | repositories | */layer.tar) set -- slipway_docker_archive ;;
        esac
        ! slipway_is_digest "${container_name%%[./]*}" || set -- slipway_docker_archive
    done
    cat "$slipway_work/head" - | "$@"
}

# A member's name in the blocks that were read. $1: where its header begins
container_name() {
    dd if="$slipway_work/head" bs=1 skip="$1" count=100 2> /dev/null | tr -d '\000'
}

container_unpack_tree() {
    slipway_growth &
    slipway_watch=$!
    slipway_unpack "$slipway_root"
    slipway_status=$?
    kill "$slipway_watch" 2> /dev/null
    return "$slipway_status"
}

container_unpack_image() {
    command -v jq > /dev/null ||
        slipway_failed 'this initrd cannot read OCI archives: it lacks jq' \
            'Install jq where the initrd is made, or give a tar archive of the file system.' || return 1
    slipway_load oci-lib oci-layers oci-archive
    oci_label=$(getarg bootclabel=)
    oci_receive_layout "$slipway_root"
}

# Just before the system starts.
slipway_pivot() {
    slipway_relabel -R
}
