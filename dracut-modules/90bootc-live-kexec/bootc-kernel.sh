#!/bin/sh
# Which of an image's files are its kernels, and their order. src/images has the same rules:
# rootfs/kernel-version.ts for names, tools/file-kind.ts for content.

# The versions that the unpacked image has modules of: plain ones before variants, the newest first.
bootc_versions() {
    local folder=''
    for folder in /usr/lib/modules/ /lib/modules/; do
        slipway_confined "$slipway_root" ls -L -p "$folder" 2> /dev/null
    done | sed -n 's,/$,,p' | grep -x '[0-9][A-Za-z0-9._+~-]*' |
        grep -E -v '[.-](old|bak|orig|save|backup|dpkg-[A-Za-z0-9_]+|rpm[A-Za-z0-9_]+)$|~$' > "$slipway_work/modules"
    set -- '[-+._](debug|dbg|kdump|rescue|recovery|rt[0-9]*|realtime|16k|64k|zfcpdump)([^a-z0-9]|$)'
    grep -E -v "$1" "$slipway_work/modules" | bootc_newest_first
    grep -E "$1" "$slipway_work/modules" | bootc_newest_first
}

# Sorts versions as packages are ordered; a release candidate, however it is written, comes before its release.
bootc_newest_first() {
    # Each line is the version as it is sorted, then as it is.
    sed -e h -e 's/\([0-9]\)[-._]\{0,1\}rc\([0-9]\)/\1~rc\2/g' -e G -e 's/\n/ /' |
        sort -u -V -r -k 1,1 | cut -d ' ' -f 2
}

# The kernels in /boot without a version in their name that belong to one: those of a flavour, such as vmlinuz-lts, and
# plain vmlinuz are of the only version there is, or of the only one that ends so. $1: the version
bootc_flavours() {
    local name=''
    slipway_confined "$slipway_root" ls /boot/ 2> /dev/null | sed -n 's/^vmlinuz//p' |
        grep -E -x '(-[a-z][a-z0-9]*(-[a-z0-9]+)*)?' |
        grep -E -v -e '-(old|bak|orig|save|backup|rescue|recovery|fallback|debug)(-|$)' |
        while IFS= read -r name; do
            case $(grep -c -e "${name:-/}\$" "$slipway_work/versions"):$1 in
                1:*"$name") echo "/boot/vmlinuz$name" ;;
                0:*) [ "$(wc -l < "$slipway_work/versions")" -ne 1 ] || echo "/boot/vmlinuz$name" ;;
            esac
        done
}

# Prints those of the files at standard input that may be kernels: all that is not known as something else.
bootc_kernels() {
    local file=''
    while IFS= read -r file; do
        ! bootc_is_kernel "$file" || printf '%s\n' "$file"
    done
}

# $1: the file
bootc_is_kernel() {
    local magic=''
    # Linux's Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst
    [ "$(slipway_hex 514 4 "$1")" != 48647253 ] && [ "$(slipway_hex 56 4 "$1")" != 41524d64 ] || return 0
    magic=$(slipway_hex 0 6 "$1")
    case $magic in
        # A UEFI program.
        4d5a*) return 0 ;;
        # Nothing, ELF, squashfs, cpio.
        '' | 7f454c46* | 68737173* | 30373037303[12]) return 1 ;;
    esac
    case $(slipway_compression "$magic") in
        none) ;;
        # Kernels of arm64 do not unpack themselves.
        gzip)
            gzip -dc < "$1" 2> /dev/null | head -c 60 > "$slipway_work/unpacked"
            [ "$(slipway_hex 56 4 "$slipway_work/unpacked")" = 41524d64 ]
            return
            ;;
        *) return 1 ;;
    esac
    # EROFS, a tar archive, ext4, an ISO image.
    case $(slipway_hex 1024 4 "$1"):$(slipway_hex 257 5 "$1"):$(slipway_hex 1080 2 "$1"):$(slipway_hex 32769 5 "$1") in
        e2e1f5e0:* | *:7573746172:* | *:*:53ef:* | *:4344303031) return 1 ;;
    esac
    # Text of lines is no kernel either.
    head -c 512 "$1" > "$slipway_work/unpacked"
    [ "$(LC_ALL=C tr -d '\11\12\15\40-\176' < "$slipway_work/unpacked" | wc -c)" -gt 0 ] ||
        [ "$(wc -l < "$slipway_work/unpacked")" -eq 0 ]
}
