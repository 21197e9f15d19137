#!/bin/sh
# Volumes: directories that steps share, in memory or on the cache device. There, volumes/always/NAME is one that stays,
# and volumes/pipeline/NAME one that goes with its pipeline; .NAME.luks is an encrypted one, a file with LUKS2 and ext4.
# No volume's name begins with ".", so what does can be no other volume.

volumes_run=$slipway_run/volumes

# What the document says of a volume. $1: its name; $2: jq's filter
volume_value() {
    # shellcheck disable=SC2016 # jq's variable
    containers_jq -r --arg name "$1" ".volumes[] | select(.name == \$name) | $2"
}

# Makes a volume unless it is there, and sets $volume_dir. $1: its name. Fails with the reason recorded.
volume_open() {
    local place='' at=''
    case $1 in
        '' | .* | *[!A-Za-z0-9._-]*)
            slipway_failed "'$(printf '%s' "$1" | LC_ALL=C tr -c ' -~' '?')' is no name of a volume" \
                'Use letters, digits, ".", "_" and "-", with no "." first.'
            return 1
            ;;
    esac
    volume_dir=$volumes_run/$1
    place=$(volume_value "$1" .place)
    if grep -q " $volume_dir " /proc/mounts; then
        return 0
    elif [ "$place" = memory ]; then
        slipway_tmpfs "$volume_dir" "$(volume_value "$1" '.size // empty')" ||
            slipway_failed "the volume $1 cannot be made" 'Correct its size: in the configuration.'
        return
    elif [ -z "$containers_kept" ]; then
        slipway_failed "the volume $1 is to be on the cache device, and there is none" \
            'Give this machine cache: { device: … }, or the volume place: memory.'
        return 1
    fi
    at=$containers_kept/volumes/$(volume_value "$1" .keep)
    if [ "$(volume_value "$1" '.luks != null')" = true ]; then
        volume_open_luks "$1" "$at/.$1.luks"
    else
        volume_dir=$at/$1
        { [ ! -L "$volume_dir" ] && mkdir -p "$volume_dir"; } ||
            slipway_failed "the volume $1 cannot be made on the cache device" 'See whether the device is full.'
    fi
}

# Opens an encrypted volume, made if it is not there. $1: its name; $2: its file. Fails with the reason recorded.
volume_open_luks() {
    local error="$slipway_work/luks.err" name="slipway-$1"
    command -v cryptsetup > /dev/null ||
        slipway_failed "the volume $1 is encrypted, and the initrd has no cryptsetup" \
            'Install cryptsetup where the initrd is made, and make it again.' || return 1
    modprobe -a loop dm-crypt 2> /dev/null
    [ -e "$2" ] || volume_make_luks "$1" "$2" || return 1
    volume_unlock "$1" "$2" "$name" || return 1
    e2fsck -p "/dev/mapper/$name" > /dev/null 2>&1
    if [ $? -gt 1 ] || ! slipway_mount "$volume_dir" -t ext4 -o noatime "/dev/mapper/$name" 2> "$error"; then
        cryptsetup close "$name"
        slipway_failed "the file system of the encrypted volume $1 cannot be mounted" \
            "Repair it by hand: it is $2 on the cache device, and is not made anew."
    fi
}

# Opens the encryption of a volume's file. $1: its name; $2: the file; $3: the name below /dev/mapper. Fails with the
# reason recorded; nothing is changed then.
volume_unlock() {
    local status=''
    # Without a line break: a key file counts to its last byte.
    volume_value "$1" .luks.key | head -c -1 |
        cryptsetup open --type luks2 --key-file - "$2" "$3" > "$slipway_work/luks.err" 2>&1
    status=$?
    [ "$status" -ne 2 ] ||
        slipway_failed "the key of the volume $1 does not open what is on the cache device" \
            'Give the key that the volume was made with; or remove the volume to have it made anew. Nothing was changed.' ||
        return 1
    [ "$status" -eq 0 ] ||
        slipway_failed "the encrypted volume $1 cannot be opened: $(head -n 1 "$slipway_work/luks.err" |
            LC_ALL=C tr -c ' -~\n' '?')" \
            'Check that the initrd has the kernel modules loop and dm-crypt. Nothing was changed.'
}

# Makes an encrypted volume; it has its name when it is whole. $1: its name; $2: its file. Fails with the reason recorded.
volume_make_luks() {
    local fresh="$2.new"
    rm -f "$fresh"
    volume_allocate "$1" "$fresh" && volume_format_luks "$1" "$fresh" "$2" && return 0
    # It would keep its room.
    rm -f "$fresh"
    return 1
}

# Makes the file of an encrypted volume with all of its room: a device that fills later is none of its errors then. $1:
# the volume's name; $2: the file. Fails with the reason recorded.
volume_allocate() {
    local size='' error="$slipway_work/luks.err"
    size=$(volume_value "$1" .luks.size)
    fallocate -l "$size" "$2" 2> "$error" ||
        slipway_failed "the cache device has no room for the $size bytes of the encrypted volume $1: $(head -n 1 "$error")" \
            'Give the volume a smaller size, or the machine a larger device. Its file system must know extents, as ext4 does.'
}

# Makes encryption and a file system in the file of a volume. $1: its name; $2: the file; $3: its name when that is done.
# Fails with the reason recorded.
volume_format_luks() {
    local name="slipway-new-$1" status='' error="$slipway_work/luks.err"
    volume_value "$1" .luks.key | head -c -1 |
        # The memory that most machines have at this point.
        cryptsetup luksFormat --batch-mode --type luks2 --pbkdf argon2id --pbkdf-memory 65536 --key-file - "$2" \
            > "$error" 2>&1 ||
        slipway_failed "the encrypted volume $1 cannot be made: $(head -n 1 "$error")" \
            'Give the volume at least 32 MiB.' || return 1
    volume_unlock "$1" "$2" "$name" || return 1
    mkfs.ext4 -q -m 0 "/dev/mapper/$name" > "$error" 2>&1
    status=$?
    cryptsetup close "$name"
    { [ "$status" -eq 0 ] && sync && mv "$2" "$3"; } ||
        slipway_failed "the encrypted volume $1 cannot be made: $(head -n 1 "$error")" 'Give the volume at least 32 MiB.'
}

# Removes the volumes that were for one pipeline, also those of an earlier boot that ended too early.
volumes_expire() {
    local name=''
    for name in $(containers_jq -r '.volumes[] | select(.keep == "pipeline") | .name'); do
        volume_close "$name"
    done
    [ -n "${containers_kept:-}" ] || return 0
    # None of them is in use: those of this document are closed, and those of another were in another boot.
    { slipway_remove "$containers_kept/volumes/pipeline" && mkdir -p "$containers_kept/volumes/pipeline"; } ||
        slipway_failed 'volumes of an earlier pipeline cannot be removed from the cache device' 'Check the disk.'
}

# Closes a volume. $1: its name
volume_close() {
    slipway_unmount "$volumes_run/$1"
    [ ! -e "/dev/mapper/slipway-$1" ] || cryptsetup close "slipway-$1"
}

# Closes all volumes.
volumes_close() {
    local at=''
    for at in "$volumes_run"/*; do
        [ ! -d "$at" ] || volume_close "${at##*/}"
    done
}
