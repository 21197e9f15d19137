#!/bin/sh
# The memory that the root lives in: a tmpfs, or a file system on a compressed block device in memory.
# It holds two directories: $slipway_root, the tree, and $slipway_store, for what is needed beside it for a while. Being
# in one file system they have one limit, so that it is a full file system that ends a boot, and not the kernel.

# What the root may take at most of $1 that are free, both in KiB. The rest is for the programs that fetch and unpack,
# and for what the kernel keeps of each file, which counts for no file system: more than a tenth, where files are small.
slipway_share() {
    local reserve="$(($1 / 8))" share=''
    [ "$reserve" -gt 40960 ] || reserve=40960
    share=$(($1 - reserve))
    [ "$share" -gt 4096 ] || share=4096
    printf '%s\n' "$share"
}

slipway_free_memory() {
    slipway_share "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo)"
}

# Whether the memory is free that a root to be fetched needs at the very least, by slipway.memory=, in MiB: else all of
# it would be fetched in vain. Fails with the reason recorded.
slipway_check_memory() {
    local needed='' free=''
    slipway_is_url "$slipway_source" || return 0
    needed=$(getarg slipway.memory=)
    case $needed in
        '' | *[!0-9]* | ??????????*) return 0 ;;
    esac
    free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' "${slipway_meminfo:-/proc/meminfo}")
    free=$((free / 1024))
    [ "$needed" -le "$free" ] ||
        slipway_failed "the root file system does not fit into its memory (it needs $needed MB, and $free MB are free)" \
            'Give the machine more memory, or choose a root method that needs less (image, lazy), or a smaller image.'
}

# Becomes a program that the kernel ends first where it has no memory left at all: the one that fills it.
slipway_expendable() {
    echo 1000 > /proc/self/oom_score_adj
    exec "$@"
}

# Whether $1 is a place that the modules made for themselves: nothing else is mounted on, unmounted or removed with all
# that is in it.
slipway_is_ours() {
    case $1 in
        */../* | */..) return 1 ;;
        "${slipway_run:?}"/?* | "$slipway_run"-?*) ;;
        *) return 1 ;;
    esac
}

# Removes directories of ours, but nothing that is mounted in them. $@: the directories
slipway_remove() {
    local at=''
    for at; do
        slipway_is_ours "$at" && rm -rf --one-file-system -- "$at" || return 1
    done
}

# Mounts. $1: where; then all other arguments of mount.
slipway_mount() {
    local at="$1"
    slipway_is_ours "$at" || return 1
    shift
    mkdir -p "$at"
    # Private, so that what is later mounted below the new root is not mirrored here, nor unmounted with it.
    mount "$@" "$at" && mount --make-private "$at"
}

# Makes a fresh, empty tmpfs. $1: where; $2: its size, empty for half of the memory.
slipway_tmpfs() {
    slipway_mount "$1" -t tmpfs -o "mode=0755${2:+,size=$2}" slipway
}

# Mounts a writable overlay as the root. $1: what is below it; $2: where its tmpfs goes; $3: the size of that, empty for
# half of the memory. Fails with the reason recorded.
slipway_overlay() {
    slipway_tmpfs "$2" "$3" ||
        slipway_failed "no tmpfs of size '$3' can be made" 'Correct rd.tmpfs.size=.' || return 1
    mkdir "$2/upper" "$2/work"
    # This directory's mode is that of /, whatever the image says: some tools make it writable for all.
    chmod 755 "$2/upper"
    slipway_mount "$slipway_root" -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" slipway ||
        slipway_failed 'the overlay cannot be mounted' 'Check that the initrd has the kernel module overlay.'
}

# Takes away whatever is mounted at $1.
slipway_unmount() {
    slipway_is_ours "$1" || return 1
    while grep -q " $1 " /proc/mounts; do
        umount "$1" 2> /dev/null || umount -l "$1" || return 1
    done
}

# Makes the memory anew, empty, of the size of rd.tmpfs.size= or what is free.
slipway_new_memory() {
    slipway_drop_memory
    if [ -n "$slipway_zram" ]; then
        slipway_new_zram || return 1
    else
        slipway_tmpfs "$slipway_memory" "${slipway_tmpfs_size:-"$(slipway_free_memory)k"}" ||
            slipway_failed "no tmpfs of size '$slipway_tmpfs_size' can be made" 'Correct rd.tmpfs.size=.' || return 1
    fi
    mkdir -p "$slipway_root" "$slipway_store"
}

# Takes the memory away and all that is in it.
slipway_drop_memory() {
    # Left there if a program in the tree was ended by force.
    slipway_unmount "$slipway_root/$slipway_hidden"
    slipway_unmount "$slipway_root"
    slipway_unmount "$slipway_memory"
    if [ -e "$slipway_run/zram" ]; then
        cat "$slipway_run/zram" > /sys/class/zram-control/hot_remove
        rm -f "$slipway_run/zram"
    fi
}

# Makes the memory on a compressed block device.
slipway_new_zram() {
    local number='' device='' format='-q -F -m 0 -i 8192 -O ^has_journal,^resize_inode -E nodiscard'
    modprobe zram num_devices=1 2> /dev/null
    if ! command -v mkfs.ext4 > /dev/null || [ ! -e /sys/class/zram-control/hot_add ]; then
        slipway_failed "the initrd cannot make a root on zram: it lacks mkfs.ext4 or the kernel's module zram" \
            'Add the dracut module bootc-live-zram to the initrd, or leave bootc.zram= out.'
        return 1
    fi
    modprobe ext4 2> /dev/null
    number=$(cat /sys/class/zram-control/hot_add)
    echo "$number" > "$slipway_run/zram"
    device=/sys/block/zram$number
    # The densest that the kernel has; without it the kernel's own choice.
    grep -qw zstd "$device/comp_algorithm" && modprobe zstd 2> /dev/null &&
        echo zstd > "$device/comp_algorithm" 2> /dev/null
    # The device node comes with udev, a moment later.
    # shellcheck disable=SC2015,SC2086 # $format: several words
    echo "$slipway_zram" > "$device/disksize" && udevadm settle &&
        mkfs.ext4 $format "/dev/zram$number" > "$slipway_work/mkfs.err" 2>&1 &&
        slipway_mount "$slipway_memory" -t ext4 -o discard "/dev/zram$number" ||
        slipway_failed "no zram of size $slipway_zram can be made: $(head -n 1 "$slipway_work/mkfs.err")" \
            'Correct bootc.zram=: a size such as 3G, more than the image has unpacked.'
}

# Gives the finished root's tmpfs the limit that any tmpfs has, half of the memory, where it fits.
slipway_settle_memory() {
    [ -z "$slipway_tmpfs_size" ] && [ -z "$slipway_zram" ] || return 0
    # Fails, and leaves the limit as it is, where more is in it.
    mount -o remount,size=50% "$slipway_memory" 2> /dev/null
    :
}

# How much is in the file system that the root is in, for people; how big that file system is, with "size" as $1.
slipway_used() {
    df -P -k "$slipway_memory" | { read -r _ && read -r _ size used _ && slipway_size $((${1:-used} * 1024)); }
}

# Records that the root does not fit.
slipway_no_room() {
    slipway_failed "the root file system does not fit into its memory ($(slipway_used size))" \
        'Give the machine more memory, or rd.tmpfs.size= more than the image has unpacked, such as 80%.'
}

# Keeps the bytes at standard input. $1: the file
slipway_keep() {
    (slipway_expendable cat > "$1" 2> "$slipway_work/keep.err") && return 0
    slipway_no_room
}
