#!/bin/sh
# bootc.live.erofs=1: the unpacked tree becomes an EROFS image, the same for the same tree, and that the root.

# Packs $slipway_root and mounts the image in its place. Tree and image are in memory at the same time, for a moment.
bootc_pack() {
    local image="$slipway_memory/root.erofs"
    slipway_say 'packing the root into an EROFS image'
    modprobe -a loop erofs 2> /dev/null
    rm -f "$image"
    # No identity and no times: the digest of the image tells whether two machines run the same.
    if ! mkfs.erofs -zlz4hc -T0 -U00000000-0000-0000-0000-000000000000 "$image" "$slipway_root" \
        > "$slipway_work/mkfs.err" 2>&1; then
        if grep -q 'No space left' "$slipway_work/mkfs.err"; then
            slipway_no_room
        else
            slipway_failed "the root cannot be packed: $(tail -n 1 "$slipway_work/mkfs.err")" \
                'Leave bootc.live.erofs out.'
        fi
        return 1
    fi
    slipway_remove "$slipway_root"
    slipway_mount "$slipway_root" -t erofs -o ro,loop "$image" ||
        slipway_failed 'the packed root cannot be mounted' \
            'Add the kernel modules loop and erofs to the initrd, or leave bootc.live.erofs out.'
}

# Puts writable copies over directories of the root. $1: their names
bootc_copy_writable() {
    local directory=''
    for directory in $1; do
        slipway_is_directory "$slipway_root/$directory" || continue
        cp -a "$slipway_root/$directory" "$slipway_memory/$directory"
        mount --bind "$slipway_memory/$directory" "${NEWROOT:?}/$directory"
    done
}
