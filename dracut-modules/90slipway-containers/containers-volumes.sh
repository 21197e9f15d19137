#!/bin/sh
# Volumes: directories that steps share.

# Makes a volume, and sets $volume_dir. $1: its name. Fails with the reason recorded.
volume_open() {
    local size=''
    volume_dir=$slipway_run/volumes/$1
    # shellcheck disable=SC2016 # jq's variable
    size=$(containers_jq -r --arg name "$1" '.volumes[] | select(.name == $name) | .size // empty')
    grep -q " $volume_dir " /proc/mounts || slipway_tmpfs "$volume_dir" "$size" ||
        slipway_failed "the volume $1 cannot be made" 'Correct its size: in the configuration.'
}

# Removes volumes that a pipeline has left.
volumes_expire() { :; }

volumes_close() {
    local at=''
    for at in "$slipway_run"/volumes/*; do
        [ ! -d "$at" ] || slipway_unmount "$at"
    done
}
