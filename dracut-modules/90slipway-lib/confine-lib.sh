#!/bin/sh
# Work on a tree that comes from the network is done inside it, with chroot: whatever its links say, absolute or with
# .., they lead to where they will lead in the system that boots, and never into the initrd.
#
# The programs for that are copies of the initrd's, in a tmpfs of their own that is mounted in the tree, read-only, for
# as long as they run. No code of the tree runs: the loader of the programs, their libraries and what glibc would read
# by itself (/etc/ld.so.preload, gconv's modules, locales, /proc, which an image may have files in) have their paths
# changed to that directory in the copies.

# Where the programs are; what else a program in the tree is to read goes there too.
slipway_tools=$slipway_run/tools
# The directory's name in the tree. Three characters, as "usr" and "etc" have: paths in the copies keep their length.
slipway_hidden=.sw

# Makes programs, with their libraries and loader, that are not there yet. $@: their names. Fails with a message on
# standard error.
slipway_make_tools() {
    local tool='' file='' copy=''
    [ -e "$slipway_tools/ready" ] ||
        { slipway_drop_tools && slipway_tmpfs "$slipway_tools" 64m && : > "$slipway_tools/ready"; } || return 1
    for tool; do
        [ ! -e "$slipway_tools/$tool" ] || continue
        tool=$(command -v "$tool") || return 1
        for file in $(slipway_libraries "$tool") "$tool"; do
            copy=$slipway_tools/${file##*/}
            [ -e "$copy" ] || {
                LC_ALL=C sed -e "s#/\(etc\|usr\|lib\|sys\)/#/$slipway_hidden/#g" \
                    -e "s#/proc/#/$slipway_hidden//#g" -e "s#/lib64/#/$slipway_hidden///#g" "$file" > "$copy.new" &&
                    chmod 755 "$copy.new" && mv "$copy.new" "$copy"
            } || return 1
        done
    done
}

# Takes the programs away.
slipway_drop_tools() {
    slipway_unmount "$slipway_tools"
}

# Runs a program inside a tree. $1: the tree, a directory of ours; $2: the program's name; then its arguments, all paths
# as the tree has them. Returns the program's status; 125, with a message on standard error, if it cannot be run.
slipway_confined() {
    local tree="$1" at="$1/$slipway_hidden" status=125 chroot=''
    shift
    slipway_is_ours "$at" && slipway_make_tools "$1" || return 125
    # The directory at the top keeps its time.
    touch -r "$tree" "$slipway_work/time"
    # Fails where the tree has the name: it could be a link.
    mkdir "$at" || return 125
    touch -r "$slipway_work/time" "$tree"
    if mount --bind -o ro "$slipway_tools" "$at"; then
        chroot=$(command -v chroot)
        (
            export PATH="/$slipway_hidden" LD_LIBRARY_PATH="/$slipway_hidden" LC_ALL=C TZ=UTC0
            slipway_expendable "$chroot" "$tree" "$@"
        )
        status=$?
        umount "$at" || status=125
    fi
    touch -r "$tree" "$slipway_work/time"
    rmdir "$at" || status=125
    touch -r "$slipway_work/time" "$tree"
    return "$status"
}

# The regular files among paths of a tree, their links followed inside it, as paths of the initrd without any link.
# $1: the tree; then the paths. What has a line break in its name is left out, and cannot pass for something else.
slipway_regular_files() {
    local tree="$1" path=''
    shift
    slipway_confined "$tree" readlink -z -e -- "$@" 2> /dev/null | tr '\n\0' '\001\n' | grep -v "$(printf '\001')" |
        while IFS= read -r path; do
            [ ! -f "$tree$path" ] || printf '%s\n' "$tree$path"
        done
}

# Whether a path exists inside a tree, its links taken as the tree will see them. $1: the tree; $2: the path.
slipway_root_has() {
    slipway_confined "$1" readlink -e -- "$2" > /dev/null 2>&1
}

# Whether $1 is a directory and no link: the only thing of a tree that may be mounted over or copied from outside.
slipway_is_directory() {
    [ -d "$1" ] && [ ! -L "$1" ]
}
