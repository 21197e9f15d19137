#!/bin/sh
# Reads an OCI image layout in a tar archive while it arrives (OCI image specification 1.1, image-layout.md). Layers
# that come in their order, after index and manifest, go straight into the tree; what comes too early waits in
# $slipway_store, and what the image does not need is thrown away.

# Unpacks the image in the archive at standard input, compressed as a whole or not. $1: an empty directory. 4: to be
# read once more, from its start.
oci_receive() {
    slipway_decompressed oci_receive_layout "$1"
}

oci_receive_layout() {
    # $oci_number: the layers that were put onto the tree. $oci_known: whether it is known which are to be.
    oci_number=0 oci_count='' oci_known='' oci_digest=''
    local members=0 docker='' long=''
    while oci_next_member; do
        case $oci_member in
            index.json) oci_keep "$slipway_work/index.json" ;;
            manifest.json)
                docker=1
                oci_skip "$oci_size"
                ;;
            blobs/sha256/*) oci_take_blob "$1" "${oci_member##*/}" || return ;;
            *) oci_skip "$oci_size" ;;
        esac
        oci_skip $(((512 - oci_size % 512) % 512))
        oci_advance "$1" || return
    done
    [ "$members" -gt 0 ] || return 1
    oci_finished "$docker"
}

# Reads a member's header into $oci_member and $oci_size. Fails at the end; where it is none, with the reason recorded.
oci_next_member() {
    dd bs=512 count=1 iflag=fullblock of="$slipway_work/header" 2> /dev/null
    if ! slipway_tar_header "$slipway_work/header" 0; then
        [ "$members" -gt 0 ] || oci_no_archive
        return 1
    fi
    if [ "$tar_magic" != ustar ]; then
        oci_no_archive
        members=0
        return 1
    fi
    members=$((members + 1))
    oci_member=$tar_name oci_size=$tar_size
    case $tar_type in
        0 | '')
            oci_size=${long:-$oci_size}
            long=''
            ;;
        x)
            # What does not fit into the next member's header (POSIX pax): a size from 8 GiB on, in a layout.
            oci_member=''
            long=$(oci_bytes "$oci_size" | sed -n 's/^[0-9]* size=\([0-9]*\)$/\1/p')
            oci_skip $(((512 - oci_size % 512) % 512))
            oci_size=0
            ;;
        *) oci_member='' ;;
    esac
}

oci_no_archive() {
    slipway_failed "${slipway_source} is no OCI archive" \
        'Make it with "skopeo copy ... oci-archive:root.oci:latest" or "podman save --format oci-archive".'
}

# Prints the next bytes. Not by head, whose blocks of 8 KiB cost more than the rest of the way. $1: how many
oci_bytes() {
    dd bs=131072 count="$1" iflag=fullblock,count_bytes status=none
}

# Reads so many bytes and throws them away. $1: how many
oci_skip() {
    [ "$1" -eq 0 ] || oci_bytes "$1" > /dev/null
}

# Reads the member into a file. $1: the file
oci_keep() {
    oci_bytes "$oci_size" | slipway_keep "$1" || return 1
    [ "$(stat -c %s "$1")" -eq "$oci_size" ] ||
        slipway_failed "$slipway_source ends in the middle" 'It is cut short: make it anew.'
}

# Reads a blob: into the tree if its time has come, else into the store. $1: the tree; $2: hex digits of its digest
oci_take_blob() {
    local status=''
    if ! slipway_is_digest "$2"; then
        oci_skip "$oci_size"
    elif [ -z "$oci_known" ]; then
        oci_keep "$slipway_store/$2"
    elif [ "$(tail -n "+$((oci_number + 1))" "$slipway_work/layers" | grep -c "^sha256:$2\$")" -eq 0 ]; then
        oci_skip "$oci_size"
    elif [ "$(oci_layer $((oci_number + 1)))" != "sha256:$2" ] || oci_is_needed_again "$2" ||
        [ -e "$slipway_run/oci-store" ]; then
        oci_keep "$slipway_store/$2"
    else
        oci_begin_layer unpacking
        # The member's content alone is the layer.
        oci_bytes "$oci_size" | oci_unpack_layer "$1" "sha256:$2"
        status=$?
        # The next time layers are stored first, where they can be read twice.
        [ "$status" -ne 4 ] || : > "$slipway_run/oci-store"
        return "$status"
    fi
}

# Whether a layer stands more than once in the image. $1: hex digits of its digest
oci_is_needed_again() {
    [ "$(grep -c "^sha256:$1\$" "$slipway_work/layers")" -gt 1 ]
}

# Goes as far as what has arrived allows. $1: the tree
oci_advance() {
    local file='' digest=''
    if [ -z "$oci_known" ]; then
        [ -s "$slipway_work/index.json" ] || return 0
        oci_choose_image || return 1
        oci_find_manifest
        case $? in
            0) ;;
            2) return 0 ;;
            *) return 1 ;;
        esac
        oci_list_layers || return 1
        oci_known=1
        for file in "$slipway_store"/*; do
            grep -q "^sha256:${file##*/}\$" "$slipway_work/layers" || rm -f "$file"
        done
    fi
    while digest=$(oci_layer $((oci_number + 1))) && [ -f "$slipway_store/${digest#sha256:}" ]; do
        oci_begin_layer unpacking
        oci_put_layer "$1" "$digest" cat "$slipway_store/${digest#sha256:}" || return
        oci_is_needed_again "${digest#sha256:}" || rm -f "$slipway_store/${digest#sha256:}"
    done
}

# Whether all of the image has come. $1: not empty if a manifest.json came, as "docker save" writes it
oci_finished() {
    [ -s "$slipway_work/index.json" ] || [ -z "$1" ] || slipway_docker_archive || return 1
    [ -s "$slipway_work/index.json" ] || oci_no_archive || return 1
    if [ -z "$oci_known" ]; then
        slipway_failed "the archive lacks blob $oci_digest" 'It is cut short or wrong: make it anew.'
    elif [ "$oci_number" -lt "$oci_count" ]; then
        oci_layer_is_missing "$(oci_layer $((oci_number + 1)))"
    fi
}
