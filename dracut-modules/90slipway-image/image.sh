#!/bin/sh
# The root is a squashfs or EROFS image that stays as it is in memory, with a writable overlay above it.

# Takes the boot on if root= begins with slipway:.
slipway_claim() {
    slipway_source=$(getarg root=)
    case $slipway_source in
        slipway:?*) slipway_source=${slipway_source#slipway:} ;;
        *) return 1 ;;
    esac
    slipway_method=image
    slipway_writable=1
}

# Makes the root in $slipway_root from $slipway_source.
slipway_make_root() {
    # rd.tmpfs.size= is the limit of what changes; the image may take what there is.
    image_changes=${slipway_tmpfs_size:-50%} slipway_tmpfs_size=''
    image_file=$slipway_memory/root.img
    slipway_is_there || return 1
    slipway_receive slipway_new_memory "$slipway_source" "$slipway_sha256" slipway_keep "$image_file" || return 1
    slipway_forget_source
    image_mount && slipway_check_root
}

# Just before the system starts.
slipway_pivot() {
    slipway_relabel
}

# What kind of file system is in the image, by its magic number: squashfs at its beginning, EROFS at byte 1024.
image_type() {
    case $(od -An -v -tx1 -N4 "$image_file" | tr -d ' \n') in
        68737173) echo squashfs ;;
        *)
            case $(od -An -v -tx1 -j1024 -N4 "$image_file" | tr -d ' \n') in
                e2e1f5e0) echo erofs ;;
            esac
            ;;
    esac
}

# Mounts the image with an overlay above it.
image_mount() {
    image_type=$(image_type)
    [ -n "$image_type" ] ||
        slipway_failed "$slipway_source is neither a squashfs nor an EROFS image" 'Make it with mksquashfs, mkfs.erofs or "slipway image build".' || return 1
    modprobe -a loop overlay "$image_type" 2> /dev/null
    slipway_mount "$slipway_memory/image" -t "$image_type" -o ro,loop "$image_file" 2> "$slipway_work/mount.err" ||
        slipway_failed "the $image_type image cannot be mounted: $(head -n 1 "$slipway_work/mount.err")" \
            "Check that the kernel of the initrd knows $image_type and how the image is compressed." || return 1
    slipway_overlay "$slipway_memory/image" "$slipway_memory/changes" "$image_changes"
}
