#!/bin/sh
# root=live:URL for dracut's own dmsquash-live, with the download made here: it is verified, resumed, and begins
# whatever network module the initrd has.

# Takes the boot on if root= is live: and a URL.
slipway_claim() {
    slipway_source=$(getarg root=)
    case $slipway_source in
        live:*) slipway_source=${slipway_source#live:} ;;
        *) return 1 ;;
    esac
    slipway_is_url "$slipway_source" || return 1
    slipway_method=live
    slipway_mounts=''
}

# Downloads the image and has dracut set it up.
slipway_make_root() {
    local image="$slipway_memory/root.img" device="$slipway_memory/root.img"
    slipway_receive slipway_new_memory "$slipway_source" "$slipway_sha256" slipway_keep "$image" || return 1
    modprobe -a loop overlay squashfs erofs 2> /dev/null
    # An ISO image is a medium with the file system image in it; its identifier stands at byte 32769 (ECMA-119 8.1.2).
    if [ "$(slipway_hex 32769 5 "$image")" = 4344303031 ]; then
        device=$(losetup -f)
        losetup -r "$device" "$image"
    fi
    # The unit that mounts the root wants them; dracut 059 would make them later.
    mkdir -p /run/overlayfs /run/ovlwork
    # In a shell of its own: it ends that when it fails.
    if ! /sbin/dmsquash-live-root "$device" > "$slipway_work/live.log" 2>&1 ||
        [ ! -e /dev/root ] && [ ! -h /dev/root ]; then
        slipway_failed "dracut's dmsquash-live cannot use the image: $(grep . "$slipway_work/live.log" | tail -n 1)" \
            'Check that it is a squashfs, EROFS or ISO image with a root file system.'
    fi
}
