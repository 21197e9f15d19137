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
    local changes="${slipway_tmpfs_size:-50%}" image="$slipway_memory/root.img"
    slipway_tmpfs_size=''
    slipway_is_there || return 1
    slipway_receive slipway_new_memory "$slipway_source" "$slipway_sha256" slipway_keep "$image" || return 1
    slipway_forget_source
    image_mount "$image" "$changes" && slipway_check_root
}

# Just before the system starts.
slipway_pivot() {
    slipway_relabel
}

# Mounts an image with an overlay above it. $1: the image; $2: the size of what changes
image_mount() {
    local type=''
    # By magic numbers: squashfs has one at its beginning, EROFS at byte 1024.
    case $(slipway_hex 0 4 "$1"):$(slipway_hex 1024 4 "$1") in
        68737173:*) type=squashfs ;;
        *:e2e1f5e0) type=erofs ;;
        *)
            slipway_failed "$slipway_source is neither a squashfs nor an EROFS image" \
                'Make it with mksquashfs, mkfs.erofs or "slipway image build".'
            return 1
            ;;
    esac
    modprobe -a loop overlay "$type" 2> /dev/null
    slipway_mount "$slipway_memory/image" -t "$type" -o ro,loop "$1" 2> "$slipway_work/mount.err" ||
        slipway_failed "the $type image cannot be mounted: $(head -n 1 "$slipway_work/mount.err")" \
            "Check that the kernel of the initrd knows $type and how the image is compressed." || return 1
    slipway_overlay "$slipway_memory/image" "$slipway_memory/changes" "$2"
}
