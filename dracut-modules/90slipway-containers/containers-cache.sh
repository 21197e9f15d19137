#!/bin/sh
# The cache: blobs of images that stay on a device across boots, each used only after its digest was checked, and the
# place where layers are unpacked. Without a device all is in memory until the pipeline ends.
#
# All of it is in the directory slipway-cache of the device's file system:
#   blobs/sha256/HEX  blobs that are kept; their times are those of their last use
#   images/KEY        the digests of the manifest and the configuration of an image, a line each
#   scratch           what this boot needs; aside/HEX in it is a blob that is not known to be right yet
#   volumes           see containers-volumes.sh

cache_mount=$slipway_run/cache

# Prepares the places. Sets $containers_kept, a directory on the device, or empty, and $containers_scratch. Fails with the
# reason recorded.
cache_open() {
    local wanted=''
    wanted=$(containers_jq -c .cache)
    [ -d "$slipway_store" ] || slipway_new_memory || return 1
    # After a job before this one.
    [ "$wanted" != "$(cat "$containers_run/cache" 2> /dev/null)" ] || return 0
    cache_close
    # What they say is there went with the scratch.
    slipway_remove "$containers_run/images" || return 1
    containers_scratch=$slipway_memory
    if [ "$wanted" != null ]; then
        device_find "$(containers_jq -r .cache.device)" "$(containers_jq -r .cache.allow_format)" &&
            cache_mount_device && cache_make_places || return 1
    fi
    printf '%s\n' "$wanted" > "$containers_run/cache"
}

# Mounts the device that was found. Fails with the reason recorded: nothing is formatted because it cannot be mounted.
cache_mount_device() {
    local status=0 error="$slipway_work/cache.err"
    modprobe ext4 2> /dev/null
    if command -v e2fsck > /dev/null; then
        e2fsck -p "$device_found" > "$error" 2>&1 < /dev/null
        status=$?
    fi
    # 1: it was repaired.
    { [ "$status" -le 1 ] && slipway_mount "$cache_mount" -t ext4 -o noatime "$device_found" 2> "$error"; } ||
        slipway_failed "the file system of the cache device $device_found cannot be mounted: $(head -n 1 "$error" |
            LC_ALL=C tr -c ' -~\n' '?')" \
            "Repair it with e2fsck $device_found, or empty the device (wipefs -a, then blkdiscard -z) to have it formatted."
}

# Makes the directories on the device, and empties the scratch.
cache_make_places() {
    local top="$cache_mount/slipway-cache" at=''
    # Links could lead anywhere when something is removed in them.
    for at in "$top" "$top/blobs" "$top/blobs/sha256" "$top/images" "$top/volumes" "$top/volumes/always" "$top/volumes/pipeline"; do
        if [ -L "$at" ] || ! mkdir -p "$at"; then
            slipway_failed "the cache device $device_found cannot be used: $at is no directory" 'Remove that from it.'
            slipway_unmount "$cache_mount"
            return 1
        fi
    done
    containers_scratch=$top/scratch
    slipway_remove "$containers_scratch" && mkdir -p "$containers_scratch/aside" ||
        slipway_failed "the cache device $device_found cannot be written to" 'Check the disk, or leave cache: out.' ||
        return 1
    containers_kept=$top
    cache_full=''
    : > "$containers_run/cache-opened"
}

# Prints a blob: the one that is kept, if it is right, or what a command prints, of which a copy is put aside. $1: hex
# digits of its digest; then the command. What became of it is for slipway_fetched to tell.
cache_bytes() {
    local kept="${containers_kept:+$containers_kept/blobs/sha256/$1}" aside="$containers_scratch/aside/$1"
    shift
    if [ -n "$kept" ] && cache_is_right "$kept"; then
        touch "$kept"
        slipway_bytes "$kept"
    elif [ -z "$containers_kept" ] || [ -e "$containers_run/cache-full" ]; then
        "$@"
    else
        rm -f "$aside.kept"
        # The copy is never in the way of the blob itself: tee goes on where it cannot write, and ": >" tells that it could.
        "$@" | { tee "$aside" 2> "$slipway_work/tee.err" && : > "$aside.kept"; }
    fi
}

# Whether a blob is kept and is right; a wrong one is removed. $1: its file
cache_is_right() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    [ "$(sha256sum < "$1" | cut -d ' ' -f 1)" != "${1##*/}" ] || return 0
    slipway_tell "the cache device has a wrong copy of blob ${1##*/}: it is removed, and fetched anew"
    rm -f "$1"
    return 1
}

# The copy put aside was right: it is kept from now on, and whole on the device before it has its name. $1: hex digits of
# its digest
cache_commit() {
    local aside="$containers_scratch/aside/$1"
    [ -n "$containers_kept" ] && [ -e "$aside" ] || return 0
    if [ -e "$aside.kept" ] && sync "$aside"; then
        mv -f "$aside" "$containers_kept/blobs/sha256/$1" || cache_is_full
    else
        cache_is_full
    fi
    rm -f "$aside" "$aside.kept"
}

# The copy put aside was wrong, or is not whole. $1: hex digits of the blob's digest
cache_drop() {
    [ -z "$containers_kept" ] || rm -f "$containers_scratch/aside/$1" "$containers_scratch/aside/$1.kept"
}

# Keeps the documents of an image, so that it can be had without its registry. $1: its reference; $2: where its files are:
# documents, config.json; the manifest is in $slipway_work/manifest.json
cache_keep_image() {
    local manifest='' config='' aside="$containers_scratch/aside/image"
    [ -n "$containers_kept" ] || return 0
    { read -r manifest && read -r config; } < "$2/documents"
    cache_put "${manifest#sha256:}" "$slipway_work/manifest.json"
    cache_put "${config#sha256:}" "$2/config.json"
    if ! { cp "$2/documents" "$aside" && sync "$aside" &&
        mv -f "$aside" "$containers_kept/images/$(containers_image_key "$1")"; } 2> /dev/null; then
        cache_is_full
    fi
}

# Keeps a document. $1: hex digits of its digest; $2: its file
cache_put() {
    [ ! -e "$containers_kept/blobs/sha256/$1" ] || return 0
    cp "$2" "$containers_scratch/aside/$1" 2> /dev/null && : > "$containers_scratch/aside/$1.kept"
    cache_commit "$1"
}

# Copies a document that is kept, if it is right. $1: hex digits of its digest; $2: where it goes
cache_copy() {
    local kept="${containers_kept:+$containers_kept/blobs/sha256/$1}"
    [ -n "$kept" ] && cache_is_right "$kept" && touch "$kept" && cp "$kept" "$2"
}

# Whether an image is kept with all of its blobs. Its documents are where a pull would have put them then. $1: its
# reference; $2: where its files go
cache_has_image() {
    local manifest='' config='' layer='' blobs="$containers_kept/blobs/sha256"
    [ -n "$containers_kept" ] &&
        cp "$containers_kept/images/$(containers_image_key "$1")" "$2/documents" 2> /dev/null || return 1
    { read -r manifest && read -r config; } < "$2/documents"
    oci_is_digest "$manifest" && oci_is_digest "$config" &&
        cache_copy "${manifest#sha256:}" "$slipway_work/manifest.json" &&
        cache_copy "${config#sha256:}" "$2/config.json" || return 1
    oci_list_layers && cp "$slipway_work/layers" "$2/layers" || return 1
    while read -r layer; do
        [ -e "$blobs/${layer#sha256:}" ] || return 1
    done < "$2/layers"
}

# Keeps nothing more in this boot.
cache_is_full() {
    [ -e "$containers_run/cache-full" ] || slipway_tell 'the cache device is full: no more images are kept there'
    : > "$containers_run/cache-full"
}

# Frees what room there is on the device where a layer did not fit: what was not used in this boot, and copies. Fails
# where there is nothing to free.
cache_make_room() {
    local name='' status=1
    [ -n "$containers_kept" ] || return 1
    [ -e "$containers_run/cache-full" ] || status=0
    cache_is_full
    for name in $(cache_names); do
        if [ -z "$(find "$containers_kept/blobs/sha256/$name" -newer "$containers_run/cache-opened")" ]; then
            rm -f "$containers_kept/blobs/sha256/$name" && status=0
        fi
    done
    return "$status"
}

# The names of all blobs that are kept, the least recently used first.
cache_names() {
    # shellcheck disable=SC2010,SC2012 # no others than hex digits are taken
    ls -tr "$containers_kept/blobs/sha256" | grep -x '[0-9a-f]\{64\}'
}

# The most that blobs may take, KiB.
cache_limit() {
    local limit=''
    limit=$(containers_jq -r '.cache.limit // empty')
    if [ -n "$limit" ]; then
        echo $((limit / 1024))
    else
        df -P -k "$cache_mount" | { read -r _ && read -r _ size _ && echo $((size * 3 / 4)); }
    fi
}

# Removes the least recently used blobs until the limit is kept. $@: hex digits of those that stay in any case
cache_prune() {
    local limit='' used='' name='' at=''
    [ -n "$containers_kept" ] || return 0
    limit=$(cache_limit)
    for name in $(cache_names); do
        at=$containers_kept/blobs/sha256/$name
        used=$(du -s -k "$containers_kept/blobs" | cut -f 1)
        [ "$used" -gt "$limit" ] || break
        case " $* " in
            *" $name "*) ;;
            *) rm -f "$at" ;;
        esac
    done
    # Images whose manifests are gone.
    for at in "$containers_kept/images"/*; do
        [ -f "$at" ] || continue
        read -r name < "$at"
        [ -e "$containers_kept/blobs/sha256/${name#sha256:}" ] || rm -f "$at"
    done
}

# Lets go of the device, with all on it that was written.
cache_close() {
    rm -f "$containers_run/cache" "$containers_run/cache-full"
    [ -z "${containers_kept:-}" ] || slipway_remove "$containers_scratch"
    containers_kept='' containers_scratch=$slipway_memory
    sync
    slipway_unmount "$cache_mount"
}
