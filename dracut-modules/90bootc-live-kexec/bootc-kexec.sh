#!/bin/sh
# bootc.kexec=1: the kernel that booted is only a loader for the one inside the image. The image's own initramfs, which
# must have these modules (or bootc-live's own), then makes the root. By default it gets the archive along, so that
# nothing is fetched twice: one file, $bootc_next, is a cpio archive with /root.oci, then the image's initramfs.

# Where the archive lies in the root of the next initramfs.
bootc_archive=/root.oci

# Loads the image's kernel and starts it. Returns only if that fails, with the reason recorded.
bootc_kexec() {
    bootc_next=$slipway_memory/next.img
    bootc_reuse=''
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
    bootc_line=$(bootc_next_line)
    slipway_say "starting the image's kernel: $bootc_line"
    if [ -n "$bootc_reuse" ]; then
        cat "$bootc_initramfs" >> "$bootc_next" || slipway_no_room || return 1
    else
        bootc_next=$bootc_initramfs
    fi
    # -s has the kernel check the file's signature where it insists on that; -l works for the rest.
    kexec -s -l "$bootc_kernel" --initrd="$bootc_next" --command-line="$bootc_line" > "$slipway_work/kexec.err" 2>&1 ||
        kexec -l "$bootc_kernel" --initrd="$bootc_next" --command-line="$bootc_line" >> "$slipway_work/kexec.err" 2>&1 ||
        slipway_failed "the image's kernel cannot be loaded: $(tail -n 1 "$slipway_work/kexec.err")" \
            'Give the machine more memory, boot the image with its own kernel, or leave bootc.kexec out.' || return 1
    kexec -e
    slipway_failed "the image's kernel was loaded and did not start" 'Boot the image with its own kernel, without bootc.kexec.'
}

# A cpio archive's entry (the "newc" format of initramfs, Linux's Documentation/driver-api/early-userspace/buffer-format.rst).
# $1: its name; $2: mode, decimal; $3: size in bytes. Prints header and name, padded.
bootc_cpio() {
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\000' \
        0 "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#1} + 1)) 0 "$1"
    bootc_pad $((110 + ${#1} + 1))
}

# Bytes up to a multiple of four. $1: how many there are
bootc_pad() {
    head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

# A fresh memory with the beginning of the next initramfs, but for the archive's size.
bootc_new_next() {
    slipway_new_memory && bootc_cpio "${bootc_archive#/}" 33188 0 > "$bootc_next"
}

# Keeps the archive at standard input, then reads the kernel out of it.
bootc_keep() {
    bootc_head=$(stat -c %s "$bootc_next")
    cat >> "$bootc_next" 2> "$slipway_work/tar.err" || slipway_no_room || return 1
    bootc_size=$(($(stat -c %s "$bootc_next") - bootc_head))
    [ "$bootc_size" -lt 4294967296 ] ||
        slipway_failed 'the archive is too big for a cpio archive (4 GiB)' 'Set bootc.kexec.reuse-image=0.' || return 1
    bootc_pad "$bootc_size" >> "$bootc_next"
    bootc_cpio TRAILER!!! 0 0 >> "$bootc_next"
    # The size is known only now; it stands in the header from the 54th byte on.
    printf '%08X' "$bootc_size" | dd of="$bootc_next" bs=1 seek=54 conv=notrunc 2> /dev/null
    # What follows the archive is left unread, which tail would complain of.
    tail -c "+$((bootc_head + 1))" "$bootc_next" 2> /dev/null | head -c "$bootc_size" | oci_receive "$slipway_root"
}

# What of the image need not be unpacked to find its kernel, as tar's patterns.
bootc_not_needed() {
    for bootc_directory in bin sbin etc home opt root srv var lib64 usr/bin usr/sbin usr/share usr/lib64 usr/libexec \
        usr/include usr/src usr/local 'usr/lib/*-linux-gnu' usr/lib/systemd usr/lib/firmware 'usr/lib/python*' \
        'usr/lib/modules/*/kernel' 'lib/modules/*/kernel' lib/firmware lib/systemd; do
        printf '%s\n./%s\n' "$bootc_directory" "$bootc_directory"
    done
}

# Finds kernel and initramfs in the unpacked image, those to boot first where there are several.
bootc_find_kernel() {
    bootc_found=$(bootc_versions | tee "$slipway_work/versions")
    for bootc_version in $bootc_found; do
        bootc_modules=/usr/lib/modules/$bootc_version
        set -- "$bootc_modules/vmlinuz" "/lib/modules/$bootc_version/vmlinuz" "/boot/vmlinuz-$bootc_version" \
            "/boot/Image-$bootc_version" "/boot/vmlinux-$bootc_version"
        bootc_initramfs="$bootc_modules/initramfs.img $bootc_modules/initrd /boot/initrd.img-$bootc_version
            /boot/initramfs-$bootc_version.img /boot/initrd-$bootc_version"
        for bootc_path in $(bootc_flavours "$bootc_version"); do
            set -- "$@" "$bootc_path"
            bootc_flavour=${bootc_path#/boot/vmlinuz}
            bootc_initramfs="$bootc_initramfs /boot/initramfs$bootc_flavour.img /boot/initramfs$bootc_flavour"
        done
        bootc_kernel=$(slipway_regular_files "$slipway_root" "$@" | bootc_kernels | head -n 1)
        # Several words, none of which has blanks or wildcards.
        # shellcheck disable=SC2086
        bootc_initramfs=$(slipway_regular_files "$slipway_root" $bootc_initramfs | head -n 1)
        [ -z "$bootc_kernel" ] || [ -z "$bootc_initramfs" ] || return 0
    done
    slipway_failed 'the image has no kernel with an initramfs to take over' \
        'Put vmlinuz and initramfs.img into /usr/lib/modules/VERSION of the image, or leave bootc.kexec out.'
}

bootc_line_now() {
    cat /proc/cmdline
}

# The kernel line of the image's kernel: this one's, without what would start yet another kernel.
bootc_next_line() {
    for bootc_word in $(bootc_line_now); do
        case $bootc_word in
            bootc.kexec | bootc.kexec=* | initrd=* | BOOT_IMAGE=*) ;;
            root=bootc-live:*)
                if [ -n "$bootc_reuse" ]; then printf '%s ' "root=bootc-live:$bootc_archive"; else printf '%s ' "$bootc_word"; fi
                ;;
            *) printf '%s ' "$bootc_word" ;;
        esac
    done
    # The image's initramfs may have arguments of its own: no loop.
    echo bootc.kexec=0
}
