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
    dd bs=512 count=16 iflag=fullblock of="$slipway_work/head" 2> /dev/null
    container_how=container_unpack_tree
    container_first=1
    for container_name in $(container_names); do
        case $container_first$container_name in
            1oci-layout | 1index.json | 1blobs/ | 1blobs/sha256/*)
                container_how=container_unpack_image
                break
                ;;
            ?manifest.json | ?repositories | ?*/layer.tar) container_how=slipway_docker_archive ;;
        esac
        # docker, podman and skopeo call folders, layers and documents by digests.
        ! slipway_is_digest "${container_name%%[./]*}" || container_how=slipway_docker_archive
        container_first=0
    done
    cat "$slipway_work/head" - | "$container_how"
}

# The names of the first two members in the blocks that were read, without ./, which may stand first by itself.
container_names() (
    at=0 found=0
    while [ "$found" -lt 2 ] && [ "$at" -lt 8192 ]; do
        name=$(container_field "$at" 100)
        [ -n "$name" ] || return 0
        case $(container_field $((at + 156)) 1)$name in
            # What does not fit into the next member's header (POSIX pax).
            [xg]* | [05]./) ;;
            *)
                found=$((found + 1))
                printf '%s\n' "${name#./}" | tr -c '\n0-9A-Za-z._/-' '_'
                ;;
        esac
        size=$(container_field $((at + 124)) 12 | tr -dc '0-7' | sed 's/^0*//')
        at=$((at + 512 + (0${size:-0} + 511) / 512 * 512))
    done
)

# A field in the blocks that were read. $1: where it begins; $2: its length
container_field() {
    dd if="$slipway_work/head" bs=1 skip="$1" count="$2" 2> /dev/null | tr -d '\000'
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
