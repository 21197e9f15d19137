#!/bin/sh
# The cache device: which one it is, and how it is formatted. Nothing that holds anything is ever formatted:
# device_is_empty is the only way to mkfs and sfdisk, but for what a formatting of ours has left half done.

device_sys=${device_sys:-/sys}
device_dev=${device_dev:-/dev}
# The name of our partition, and of the file system in it.
device_name=slipway-cache
# Seconds that disks get to appear.
device_wait=${device_wait:-10}
# What stands on a device while it is formatted, and the digest of 1 MiB of zeros.
device_mark='slipway-cache: formatting was begun and has not ended'
device_zeros=30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58

# Finds the device, formats it if it must, and sets $device_found, one with a file system that can be mounted. $1: what
# the document calls it; $2: true where it may be formatted. Fails with the reason recorded.
device_find() {
    local until='' found=''
    device_found=''
    until=$(($(slipway_uptime) + device_wait))
    case $1 in
        auto | LABEL=?*) ;;
        /dev/*/../* | /dev/*/..)
            slipway_failed "the cache device $1 is no device" 'Give cache: { device: } a path in /dev.' || return 1
            ;;
        /dev/?*) ;;
        *) slipway_failed "the cache device '$1' is no device" 'Give LABEL=NAME, a path in /dev, or auto.' || return 1 ;;
    esac
    while :; do
        case $1 in
            auto) found=$(device_labelled "$device_name") ;;
            LABEL=*) found=$(device_labelled "${1#LABEL=}") ;;
            *) found=$(device_named "$1") ;;
        esac
        if [ -n "$found" ] || [ "$(slipway_uptime)" -ge "$until" ]; then break; fi
        sleep 1
    done
    case $1/$found in
        auto/) device_make_largest "$2" ;;
        */) slipway_failed "there is no cache device $1" \
            'Check cache: { device: }, and that the initrd has the driver of its disk; or leave cache: out.' ;;
        *) device_prepare "$found" "$2" ;;
    esac
}

# The device that has a path, where it is a block device. $1: the path
device_named() {
    local at=''
    at=$(readlink -f "$device_dev/${1#/dev/}") && [ -b "$at" ] && printf '%s\n' "$device_dev/${1#/dev/}"
}

# Prints the names of all disks, or with "partitions" as $1 of all partitions too: what is made of memory, files or
# other devices is none.
device_list() {
    local at='' name=''
    for at in "$device_sys"/block/*; do
        name=${at##*/}
        case $name in
            loop* | ram* | zram* | dm-* | md* | sr* | fd* | nbd* | mtdblock* | mmcblk*boot* | mmcblk*rpmb | '*') continue ;;
        esac
        printf '%s\n' "$name"
        [ "${1-}" != partitions ] || device_partitions "$name"
    done
}

# Prints the names of the partitions of a disk, a line each. $1: its name
device_partitions() {
    local at=''
    for at in "$device_sys/block/$1"/*/partition; do
        at=${at%/partition}
        [ ! -e "$at" ] || printf '%s\n' "${at##*/}"
    done
}

# The path of a device. $1: its name in /sys, which has ! for /
device_path() {
    printf '%s/%s\n' "$device_dev" "$(printf '%s' "$1" | tr '!' /)"
}

# The first device whose file system or partition has a label. $1: the label
device_labelled() {
    local name='' at=''
    for name in $(device_list partitions); do
        at=$(device_path "$name")
        device_probe "$at" || continue
        if [ "$(device_value LABEL)" = "$1" ] || [ "$(device_value PART_ENTRY_NAME)" = "$1" ]; then
            printf '%s\n' "$at"
            return
        fi
    done
}

# Looks at what a device holds, for device_value. $1: the device. 2: nothing that is known. Others: it cannot be told.
device_probe() {
    blkid -p -o export "$1" > "$slipway_work/probe" 2> "$slipway_work/probe.err"
}

# A value that device_probe has found. $1: its name. blkid puts a backslash before what is special to a shell.
device_value() {
    sed -n "s/^$1=//p" "$slipway_work/probe" | head -n 1 | sed 's/\\\(.\)/\1/g'
}

# Says what a device holds, in a few words that are safe on a console. $1: the device
device_content() {
    local types=''
    types=$(wipefs --noheadings -O TYPE "$1" 2> /dev/null | sort -u | tr -dc 'A-Za-z0-9_\n-' | grep -vx PMBR | head -n 8 |
        tr '\n' ' ' | sed 's/ $//; s/ /, /g')
    printf '%s\n' "${types:-data of a kind that is not known}"
}

# Size of a device, bytes. $1: the device
device_size() {
    blockdev --getsize64 "$1" 2> /dev/null | grep -x '[0-9]\{1,18\}'
}

# Whether something uses a device: it is mounted, swap, or part of another one. $1: the device
device_in_use() {
    local name='' at='' part=''
    name=$(device_real_name "$1")
    for part in "$name" $(device_sys=/sys device_partitions "$name"); do
        grep -q "^$(device_dev=/dev device_path "$part") " /proc/mounts /proc/swaps 2> /dev/null && return 0
        for at in "/sys/class/block/$part/holders"/*; do
            [ ! -e "$at" ] || return 0
        done
    done
    return 1
}

# Whether a stretch of a device is zeros; one that cannot be read is not. $1: the device; $2: its beginning, bytes, a
# multiple of 512. It is 1 MiB long.
device_zero() {
    [ "$(dd if="$1" bs=512 skip=$(($2 / 512)) count=2048 2> /dev/null | sha256sum | cut -d ' ' -f 1)" = "$device_zeros" ]
}

# Whether a device holds nothing as far as can be told without reading all of it: no signature that blkid or wipefs
# knows, zeros in the first 16 MiB, at 30 places between and in the last MiB, and nothing uses it. A partition that begins
# in the first 16 MiB, as the first one of a disk does, shows there also where the table was overwritten. $1: the device.
# Whatever cannot be found out counts as something.
device_is_empty() {
    local size='' found=''
    size=$(device_size "$1") && [ "$size" -ge 16777216 ] || return 1
    [ "$(blockdev --getro "$1" 2> /dev/null)" = 0 ] && ! device_in_use "$1" || return 1
    device_probe "$1"
    case $? in 0 | 2) ;; *) return 1 ;; esac
    # What it says of a partition is not in there.
    ! grep -qv -e '^DEVNAME=' -e '^PART_ENTRY_' "$slipway_work/probe" || return 1
    found=$(wipefs --noheadings "$1" 2> /dev/null) && [ -z "$found" ] || return 1
    device_zero_start "$1" && device_zero_between "$1" "$size" && device_zero "$1" $(((size / 512 - 2048) * 512))
}

# Whether the first 16 MiB of a device are zeros. $1: the device
device_zero_start() {
    local number=0
    while [ "$number" -lt 16 ]; do
        device_zero "$1" $((number * 1048576)) || return 1
        number=$((number + 1))
    done
}

# Whether a device is zeros at 30 places between its ends. $1: the device; $2: its size, bytes
device_zero_between() {
    local number=1 block=''
    while [ "$number" -le 30 ]; do
        block=$(($2 * number / 16384))
        device_zero "$1" $((block * 512)) || return 1
        number=$((number + 1))
    done
}

# Whether the mark stands on a device. $1: the device; $2: where, bytes
device_is_marked() {
    [ "$(dd if="$1" bs=512 skip=$(($2 / 512)) count=1 2> /dev/null | tr -d '\000')" = "$device_mark" ]
}

# Writes the mark onto a device, or with "" as $3 zeros in its place; it is there when this returns. $1: the device;
# $2: where, bytes
device_put_mark() {
    if [ -n "$3" ]; then printf '%s' "$3"; else head -c 512 /dev/zero; fi |
        dd of="$1" bs=512 seek=$(($2 / 512)) conv=sync,notrunc,fsync 2> /dev/null
}

# Where the mark of a partition stands: in its last block, where most that is made there later writes something. The file
# system leaves the last MiB out. $1: the partition
device_mark_place() {
    local size=''
    size=$(device_size "$1") && echo $(((size / 512 - 1) * 512))
}

# Makes a device that was found ready. $1: the device; $2: true where it may be formatted. Sets $device_found. Fails with
# the reason recorded.
device_prepare() {
    local type='' table='' part=''
    ! device_in_use "$1" ||
        slipway_failed "the cache device $1 is in use by something else" 'Name another one in cache: { device: }.' || return 1
    device_probe "$1"
    type=$(device_value TYPE)
    table=$(device_value PTTYPE)
    if device_is_begun_partition "$1"; then
        device_may_format "$1" "$2" && device_format_partition "$1"
    elif [ "$type" = ext4 ] && [ -z "$table" ]; then
        device_found=$1
    elif part=$(device_our_partition "$1"); then
        device_prepare "$part" "$2"
    elif device_is_begun_disk "$1"; then
        device_may_format "$1" "$2" && device_format_disk "$1"
    elif ! device_is_empty "$1"; then
        slipway_failed "the cache device $1 is not formatted, as it holds something: $(device_content "$1")" \
            "If nothing of that is needed, empty the device first (wipefs -a, then blkdiscard -z); or name another one."
    elif device_may_format "$1" "$2"; then
        if device_is_partition "$1"; then device_format_partition "$1"; else device_format_disk "$1"; fi
    else
        return 1
    fi
}

# Whether an empty device may be formatted. $1: the device; $2: true where it may. Fails with the reason recorded.
device_may_format() {
    [ "$2" = true ] ||
        slipway_failed "the cache device $1 holds no file system yet" \
            'Have it formatted by cache: { allow_format: true }, or make an ext4 file system on it.'
}

device_is_partition() {
    [ -e "/sys/class/block/$(device_real_name "$1")/partition" ]
}

# The name in /sys of a device that may be named by a link. $1: the device
device_real_name() {
    local real=''
    real=$(readlink -f "$1")
    printf '%s\n' "${real#/dev/}" | tr / '!'
}

# The one partition of a disk, where it is ours by its name; fails else. $1: the disk
device_our_partition() {
    local name='' parts='' at=''
    name=${1#"$device_dev"/}
    [ -e "$device_sys/block/$name" ] || name=$(device_real_name "$1")
    parts=$(device_partitions "$name")
    [ -n "$parts" ] && [ "$(printf '%s\n' "$parts" | wc -l)" -eq 1 ] || return 1
    at=$(device_path "$parts")
    device_probe "$at"
    [ "$(device_value PART_ENTRY_NAME)" = "$device_name" ] && printf '%s\n' "$at"
}

# Whether a formatting of ours was begun in a partition and has not ended: its mark is there, and nothing else is but a
# file system of ours. $1: the partition
device_is_begun_partition() {
    local type='' place=''
    place=$(device_mark_place "$1") && device_is_marked "$1" "$place" || return 1
    device_probe "$1"
    case $? in 0 | 2) ;; *) return 1 ;; esac
    [ -z "$(device_value PTTYPE)" ] || return 1
    type=$(device_value TYPE)
    [ -z "$type" ] || { [ "$type" = ext4 ] && [ "$(device_value LABEL)" = "$device_name" ]; }
}

# Whether a partition table of ours was begun on a disk and is not whole: the mark is there, and nothing else is but
# parts of that table. $1: the disk
device_is_begun_disk() {
    local size='' head='' status=''
    size=$(device_size "$1") && device_is_marked "$1" 524288 || return 1
    device_probe "$1"
    status=$?
    case $status:$(device_value TYPE):$(device_value PTTYPE) in
        2:: | 0::PMBR) ;;
        # The table is there; it is nobody else's where its only entry is ours.
        0::gpt) [ "$(device_entries "$1")" = "$device_name" ] || return 1 ;;
        *) return 1 ;;
    esac
    # What is before the mark but the table, and behind it.
    [ "$(dd if="$1" bs=512 skip=34 count=990 2> /dev/null | tr -d '\000' | wc -c)" -eq 0 ] &&
        [ "$(dd if="$1" bs=512 skip=1025 count=1023 2> /dev/null | tr -d '\000' | wc -c)" -eq 0 ] &&
        device_zero "$1" 1048576 && device_zero_between "$1" "$size" || return 1
    # Where there is no table, what is in its place may only be a piece of one.
    head=$(dd if="$1" bs=512 count=34 2> /dev/null | tr -d '\000' | head -c 20000 | LC_ALL=C tr -c 'A-Za-z -' '?')
    case $head in
        '' | *'EFI PART'* | *"$device_name"*) return 0 ;;
    esac
    [ "$status" -eq 0 ]
}

# Prints the names of a disk's partitions as its table has them, a line each. $1: the disk
device_entries() {
    sfdisk --json "$1" 2> /dev/null | jq -r '.partitiontable.partitions[].name // "?"'
}

# Formats the largest disk that holds nothing, one that cannot be taken out if there is one. $1: true where that may be
# done. Fails with the reason recorded.
device_make_largest() {
    local name='' at='' best='' held='' size='' number=0
    : > "$slipway_work/disks"
    for name in $(device_list); do
        at=$(device_path "$name")
        size=$(device_size "$at") || continue
        [ "$size" -gt 0 ] || continue
        number=$((number + 1))
        if device_is_begun_disk "$at" || { [ -z "$(device_partitions "$name")" ] && device_is_empty "$at"; }; then
            printf '%s %s %s\n' "$(cat "$device_sys/block/$name/removable" 2> /dev/null || echo 1)" "$size" "$at" \
                >> "$slipway_work/disks"
        elif [ "$number" -le 8 ]; then
            held="${held:+$held; }$at: $(device_content "$at")"
        fi
    done
    best=$(sort -k 1,1n -k 2,2nr -k 3 "$slipway_work/disks" | head -n 1 | cut -d ' ' -f 3-)
    if [ -n "$best" ]; then
        device_may_format "$best" "$1" && device_format_disk "$best"
    elif [ -n "$held" ]; then
        slipway_failed "no disk is empty, and none that holds something is formatted ($held)" \
            'Empty one (wipefs -a, then blkdiscard -z), or name a device in cache: { device: }, or leave cache: out.'
    else
        slipway_failed 'there is no disk for the cache' \
            'Check that the initrd has the driver of the disk, or leave cache: out.'
    fi
}

# Gives an empty disk one partition of ours, and formats that. $1: the disk. Fails with the reason recorded.
device_format_disk() {
    local part='' until=''
    slipway_tell "formatting $1, which holds nothing, as cache device"
    {
        device_put_mark "$1" 524288 "$device_mark" &&
            printf 'label: gpt\nstart=1MiB, name="%s"\n' "$device_name" | sfdisk --quiet --wipe never "$1" &&
            sync && device_put_mark "$1" 524288 ''
    } > "$slipway_work/format.err" 2>&1 || device_format_failed "$1" || return 1
    until=$(($(slipway_uptime) + device_wait))
    while ! part=$(device_our_partition "$1"); do
        [ "$(slipway_uptime)" -lt "$until" ] ||
            slipway_failed "the partition of the cache device $1 does not appear" 'Restart the machine.' || return 1
        sleep 1
    done
    device_format_partition "$part"
}

# Makes a file system in an empty partition. $1: the partition. Sets $device_found. Fails with the reason recorded.
device_format_partition() {
    local place=''
    modprobe ext4 2> /dev/null
    {
        place=$(device_mark_place "$1") && device_put_mark "$1" "$place" "$device_mark" &&
            mkfs.ext4 -q -F -m 0 -L "$device_name" "$1" "$((place / 1024 - 1024))k" < /dev/null &&
            sync && device_put_mark "$1" "$place" ''
    } > "$slipway_work/format.err" 2>&1 || device_format_failed "$1" || return 1
    device_found=$1
}

# Records that a device could not be formatted. $1: the device. Always fails.
device_format_failed() {
    slipway_failed "the cache device $1 cannot be formatted: $(head -n 1 "$slipway_work/format.err" | LC_ALL=C tr -c ' -~\n' '?')" \
        'Check the disk, and that the initrd has sfdisk and mkfs.ext4; or leave cache: out.'
}
