#!/bin/sh
# bootc.kexec=1: the kernel that booted is only a loader for the one inside the image. The image's own initramfs, which
# must have these modules (or bootc-live's own), then makes the root. By default it gets the archive along, so that
# nothing is fetched twice: one file, $bootc_next, is a cpio archive with /root.oci, then the image's initramfs.

# Where the archive lies in the root of the next initramfs.
bootc_archive=/root.oci

# Loads the image's kernel and starts it. Returns only if that fails, with the reason recorded.
bootc_kexec() {
    local line=''
    bootc_next=$slipway_memory/next.img
    bootc_reuse=''
    slipway_load kexec-lib
    slipway_exclude=$slipway_work/exclude
    bootc_not_needed > "$slipway_exclude"
    case $slipway_source in
        # A registry has no archive that could be given along.
        docker://*) bootc_unpack || return 1 ;;
        *)
            if getargbool 1 bootc.kexec.reuse-image; then
                bootc_reuse=1
                slipway_is_there || return 1
                slipway_load oci-archive
                slipway_receive bootc_new_next "$slipway_source" "$slipway_sha256" bootc_keep || return 1
            else
                bootc_unpack || return 1
            fi
            ;;
    esac
    slipway_load bootc-kernel
    bootc_find_kernel || return 1
    line=$(bootc_next_line)
    slipway_say "starting the image's kernel: $line"
    if [ -n "$bootc_reuse" ]; then
        cat "$bootc_initramfs" >> "$bootc_next" || slipway_no_room || return 1
    else
        bootc_next=$bootc_initramfs
    fi
    slipway_kexec_load "$bootc_kernel" "$bootc_next" "$line" "the image's kernel" \
        'Give the machine more memory, boot the image with its own kernel, or leave bootc.kexec out.' || return 1
    slipway_report switch-root begun "starting the image's kernel"
    slipway_kexec_start "the image's kernel" 'Boot the image with its own kernel, without bootc.kexec.'
}

# A fresh memory with the beginning of the next initramfs, but for the archive's size.
bootc_new_next() {
    slipway_new_memory && slipway_cpio "${bootc_archive#/}" 33188 0 > "$bootc_next"
}

# Keeps the archive at standard input, then reads the kernel out of it.
bootc_keep() {
    local before='' size=''
    before=$(stat -c %s "$bootc_next")
    cat >> "$bootc_next" 2> "$slipway_work/tar.err" || slipway_no_room || return 1
    size=$(($(stat -c %s "$bootc_next") - before))
    [ "$size" -lt 4294967296 ] ||
        slipway_failed 'the archive is too big for a cpio archive (4 GiB)' 'Set bootc.kexec.reuse-image=0.' || return 1
    slipway_cpio_pad "$size" >> "$bootc_next"
    slipway_cpio TRAILER!!! 0 0 >> "$bootc_next"
    # The size is known only now; it stands in the header from the 54th byte on.
    printf '%08X' "$size" | dd of="$bootc_next" bs=1 seek=54 conv=notrunc 2> /dev/null
    # What follows the archive is left unread, which tail would complain of.
    tail -c "+$((before + 1))" "$bootc_next" 2> /dev/null | head -c "$size" | oci_receive "$slipway_root"
}

# What of the image need not be unpacked to find its kernel, as tar's patterns.
bootc_not_needed() {
    local directory=''
    for directory in bin sbin etc home opt root srv var lib64 usr/bin usr/sbin usr/share usr/lib64 usr/libexec \
        usr/include usr/src usr/local 'usr/lib/*-linux-gnu' usr/lib/systemd usr/lib/firmware 'usr/lib/python*' \
        'usr/lib/modules/*/kernel' 'lib/modules/*/kernel' lib/firmware lib/systemd; do
        printf '%s\n./%s\n' "$directory" "$directory"
    done
}

# Finds $bootc_kernel and $bootc_initramfs in the unpacked image, those to boot first where there are several.
bootc_find_kernel() {
    local version='' modules='' path='' flavour='' initramfs=''
    bootc_versions > "$slipway_work/versions"
    while read -r version; do
        modules=/usr/lib/modules/$version
        set -- "$modules/vmlinuz" "/lib/modules/$version/vmlinuz" "/boot/vmlinuz-$version" "/boot/Image-$version" \
            "/boot/vmlinux-$version"
        initramfs="$modules/initramfs.img $modules/initrd /boot/initrd.img-$version /boot/initramfs-$version.img
            /boot/initrd-$version"
        for path in $(bootc_flavours "$version"); do
            set -- "$@" "$path"
            flavour=${path#/boot/vmlinuz}
            initramfs="$initramfs /boot/initramfs$flavour.img /boot/initramfs$flavour"
        done
        bootc_kernel=$(slipway_regular_files "$slipway_root" "$@" < /dev/null | bootc_kernels | head -n 1)
        # Several words, none of which has blanks or wildcards.
        # shellcheck disable=SC2086
        bootc_initramfs=$(slipway_regular_files "$slipway_root" $initramfs < /dev/null | head -n 1)
        [ -z "$bootc_kernel" ] || [ -z "$bootc_initramfs" ] || return 0
    done < "$slipway_work/versions"
    slipway_failed 'the image has no kernel with an initramfs to take over' \
        'Put vmlinuz and initramfs.img into /usr/lib/modules/VERSION of the image, or leave bootc.kexec out.'
}

bootc_line_now() {
    cat /proc/cmdline
}

# The kernel line of the image's kernel: this one's, without what would start yet another kernel.
bootc_next_line() {
    local word=''
    for word in $(bootc_line_now); do
        case $word in
            bootc.kexec | bootc.kexec=* | initrd=* | BOOT_IMAGE=*) continue ;;
            root=bootc-live:*) [ -z "$bootc_reuse" ] || word=root=bootc-live:$bootc_archive ;;
        esac
        printf '%s ' "$word"
    done
    # The image's initramfs may have arguments of its own: no loop.
    echo bootc.kexec=0
}
