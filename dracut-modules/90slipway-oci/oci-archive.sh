#!/bin/sh
# Reads an OCI image layout in a tar archive while it arrives (OCI image specification 1.1, image-layout.md). Layers
# that come in their order, after index and manifest, go straight into the tree; what comes too early waits in
# $slipway_store, and what the image does not need is thrown away.

# Unpacks the image in the archive at standard input, compressed as a whole or not. $1: an empty directory. 4: to be read
# once more, from its start.
oci_receive() {
    slipway_decompressed oci_receive_layout "$1"
}

oci_receive_layout() {
    oci_docker=''
    oci_number=0 oci_count='' oci_known='' oci_long=''
    oci_members=0
    while oci_next_member; do
        case $oci_member in
            index.json) oci_keep "$slipway_work/index.json" ;;
            manifest.json)
                oci_docker=1
                oci_skip "$oci_size"
                ;;
            blobs/sha256/*) oci_take_blob "$1" "${oci_member##*/}" || return ;;
            *) oci_skip "$oci_size" ;;
        esac
        oci_skip $(((512 - oci_size % 512) % 512))
        oci_advance "$1" || return
    done
    [ "$oci_members" -gt 0 ] || return 1
    oci_finished
}

# Reads a member's header into $oci_member, without a leading ./, and $oci_size. Fails at the end, and with the reason
# recorded where it is none.
oci_next_member() {
    dd bs=512 count=1 iflag=fullblock of="$slipway_work/header" 2> /dev/null
    if [ "$(stat -c %s "$slipway_work/header")" -ne 512 ] || [ -z "$(oci_field 0 100)" ]; then
        [ "$oci_members" -gt 0 ] || oci_no_archive
        return 1
    fi
    case $(oci_field 257 5) in
        ustar) ;;
        *)
            oci_no_archive
            oci_members=0
            return 1
            ;;
    esac
    oci_members=$((oci_members + 1))
    oci_member=$(oci_field 0 100)
    oci_member=${oci_member#./}
    # Twelve octal digits at most; from 8 GiB on, a binary number whose first bit is set.
    oci_octal=$(oci_field 124 12 | tr -dc '0-7' | sed 's/^0*//')
    oci_binary=$(od -An -v -tx1 -j124 -N12 "$slipway_work/header" | tr -d ' \n')
    case $oci_binary in
        80*) oci_size=$((0x${oci_binary#80000000})) ;;
        *) oci_size=$((0${oci_octal:-0})) ;;
    esac
    case $(oci_field 156 1) in
        0 | '')
            oci_size=${oci_long:-$oci_size}
            oci_long=''
            ;;
        x)
            # What does not fit into the next member's header (POSIX pax): a size from 8 GiB on, in a layout.
            oci_member=''
            oci_long=$(oci_bytes "$oci_size" | sed -n 's/^[0-9]* size=\([0-9]*\)$/\1/p')
            oci_skip $(((512 - oci_size % 512) % 512))
            oci_size=0
            ;;
        *) oci_member='' ;;
    esac
}

# A field of the header. $1: where it begins; $2: its length
oci_field() {
    dd if="$slipway_work/header" bs=1 skip="$1" count="$2" 2> /dev/null | tr -d '\000'
}

oci_no_archive() {
    slipway_failed "${slipway_source} is no OCI archive" \
        'Make it with "skopeo copy ... oci-archive:root.oci:latest" or "podman save --format oci-archive".'
}

# Prints so many bytes of what comes. Not by head, whose blocks of 8 KiB cost more than the rest of the way. $1: how many
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
    slipway_is_digest "$2" || {
        oci_skip "$oci_size"
        return 0
    }
    if [ -z "$oci_known" ]; then
        oci_keep "$slipway_store/$2"
    elif [ "$(tail -n "+$((oci_number + 1))" "$slipway_work/layers" | grep -c "^sha256:$2\$")" -eq 0 ]; then
        oci_skip "$oci_size"
    elif [ "$(oci_layer $((oci_number + 1)))" != "sha256:$2" ] || oci_is_needed_again "$2" || [ -e "$slipway_run/oci-twice" ]; then
        oci_keep "$slipway_store/$2"
    else
        oci_begin_layer
        # The member's content alone is the layer.
        oci_bytes "$oci_size" | oci_unpack_layer "$1" "sha256:$2"
        oci_status=$?
        [ "$oci_status" -ne 4 ] || : > "$slipway_run/oci-twice"
        return "$oci_status"
    fi
}

# The digest of a layer. $1: its number, from 1
oci_layer() {
    sed -n "$1p" "$slipway_work/layers"
}

# Whether a layer stands more than once in the image. $1: hex digits of its digest
oci_is_needed_again() {
    [ "$(grep -c "^sha256:$1\$" "$slipway_work/layers")" -gt 1 ]
}

oci_begin_layer() {
    oci_number=$((oci_number + 1))
    slipway_say "unpacking layer $oci_number of $oci_count"
}

# Goes as far as what has arrived allows. $1: the tree
oci_advance() {
    if [ -z "$oci_known" ]; then
        [ -s "$slipway_work/index.json" ] || return 0
        oci_choose_image || return 1
        oci_find_manifest
        case $? in
            2) return 0 ;;
            1) return 1 ;;
        esac
        oci_list_layers || return 1
        oci_known=1
        for oci_file in "$slipway_store"/*; do
            grep -q "^sha256:${oci_file##*/}\$" "$slipway_work/layers" || rm -f "$oci_file"
        done
    fi
    while oci_digest=$(oci_layer $((oci_number + 1))) && [ -n "$oci_digest" ] && [ -f "$slipway_store/${oci_digest#sha256:}" ]; do
        oci_begin_layer
        oci_unpack_stored "$1" "$oci_digest" || return 1
        oci_is_needed_again "${oci_digest#sha256:}" || rm -f "$slipway_store/${oci_digest#sha256:}"
    done
}

# Puts a stored layer onto the tree. $1: the tree; $2: its digest
oci_unpack_stored() {
    oci_unpack_layer "$1" "$2" < "$slipway_store/${2#sha256:}"
    oci_status=$?
    # What was in its way is gone now.
    [ "$oci_status" -eq 4 ] || return "$oci_status"
    rm -f "$slipway_run/failure"
    oci_unpack_layer "$1" "$2" < "$slipway_store/${2#sha256:}" || return 1
}

# Whether all of the image has come.
oci_finished() {
    [ -s "$slipway_work/index.json" ] || [ -z "$oci_docker" ] || slipway_docker_archive || return 1
    [ -s "$slipway_work/index.json" ] || oci_no_archive || return 1
    if [ -z "$oci_known" ]; then
        slipway_failed "the archive lacks blob $oci_digest" 'It is cut short or was made wrongly: make it anew.'
    elif [ "$oci_number" -lt "$oci_count" ]; then
        ! oci_is_elsewhere "$(oci_layer $((oci_number + 1)))" || return 1
        slipway_failed "the archive lacks layer $(oci_layer $((oci_number + 1)))" 'It is cut short or was made wrongly: make it anew.'
    fi
}
