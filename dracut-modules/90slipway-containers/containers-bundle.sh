#!/bin/sh
# What crun gets to run a container: see containers-bundle.jq.

# The number and groups of a user, into $bundle_uid, $bundle_gid, $bundle_groups (JSON) and $bundle_home. $1: the root of
# the container; $2: USER, or USER:GROUP, numbers or names of the image. Fails with the reason recorded.
bundle_user() {
    local user="${2%%:*}" group='' line='' name='' at="$slipway_work/account"
    case $2 in *:*) group=${2#*:} ;; esac
    user=${user:-0}
    slipway_confined "$1" cat /etc/passwd > "$at.passwd" 2> /dev/null
    slipway_confined "$1" cat /etc/group > "$at.group" 2> /dev/null
    # A number needs no entry.
    line=$(grep -m 1 -e "^$user:" "$at.passwd" || grep -m 1 -e "^[^:]*:[^:]*:$user:" "$at.passwd")
    bundle_uid=$user bundle_gid=0 bundle_home=/
    if [ -n "$line" ]; then
        name=${line%%:*}
        bundle_uid=$(printf '%s' "$line" | cut -d : -f 3)
        bundle_gid=$(printf '%s' "$line" | cut -d : -f 4)
        bundle_home=$(printf '%s' "$line" | cut -d : -f 6)
    fi
    if [ -n "$group" ]; then
        bundle_gid=$group
        line=$(grep -m 1 -e "^$group:" "$at.group")
        [ -z "$line" ] || bundle_gid=$(printf '%s' "$line" | cut -d : -f 3)
    fi
    case $bundle_uid:$bundle_gid in
        *[!0-9:]* | :* | *:)
            slipway_failed "the image has no user or group $2" 'Correct user: of the step, or make the image anew.'
            return 1
            ;;
    esac
    bundle_groups='[]'
    # Groups that name the user; with a group of the step's own, that one alone.
    [ -z "$name" ] || [ -n "$group" ] ||
        bundle_groups=$(jq -R -s -c --arg name "$name" 'split("\n") | map(split(":") | select(.[3] // "" | split(",") | index($name)))
            | map(.[2] | tonumber? // empty)' "$at.group")
    bundle_home=${bundle_home:-/}
}

# The devices of a step as JSON. $1: the step, a file. Fails with the reason recorded.
bundle_devices() {
    local device='' found=''
    jq -r '.devices[]' "$1" > "$slipway_work/devices"
    while read -r device; do
        found=$(stat -L -c '%F %t %T' -- "$device" 2> /dev/null)
        case $found in
            'character special file '*) found="c ${found#character special file }" ;;
            'block special file '*) found="b ${found#block special file }" ;;
            *)
                slipway_failed "the machine has no device $device" \
                    'Correct devices: of the step, or make the initrd with its driver.'
                return 1
                ;;
        esac
        # shellcheck disable=SC2086 # three words
        set -- "$1" $found
        printf '{"path":"%s","type":"%s","major":%d,"minor":%d,"fileMode":438,"uid":0,"gid":0}\n' "$device" "$2" "$((0x$3))" "$((0x$4))"
    done < "$slipway_work/devices" | jq -s -c .
}

# Makes a container's bundle. It has what the step's environment has, secrets too: it is in memory. $1: the step, a file;
# $2: the container's root; $3: the step's name; $4: a directory for the bundle. Fails with the reason recorded.
bundle_make() {
    local image='' user='' name='' devices='' volumes='{}'
    image=$containers_images/$(containers_image_key "$(jq -r .image.reference "$1")")/config.json
    user=$(jq -r '.user // empty' "$1")
    [ -n "$user" ] || user=$(jq -r '.config.User // empty' "$image")
    bundle_user "$2" "$user" || return 1
    for name in $(jq -r '.mounts[].volume // empty' "$1" | sort -u); do
        volume_open "$name" || return 1
        volumes=$(printf '%s' "$volumes" | jq -c --arg name "$name" --arg at "$volume_dir" '. + {($name): $at}')
    done
    devices=$(bundle_devices "$1") || return 1
    mkdir -p "$4" ||
        slipway_failed "the step $3 cannot be prepared" 'Give the machine more memory.' || return 1
    bundle_files "$4"
    jq -n -c \
        --arg name "$3" --argjson uid "$bundle_uid" --argjson gid "$bundle_gid" --argjson groups "$bundle_groups" \
        --arg home "$bundle_home" --arg hostname "$containers_node" --arg rootfs "$2" --arg netns "$network_path" \
        --arg cgroup "/slipway-$3/container" --arg files "$4" --argjson devices "$devices" --argjson volumes "$volumes" \
        --arg status "$containers_status" --arg failed "$containers_failed_by" --arg previous "$containers_previous" \
        --arg previous_status "$containers_previous_status" '{uid: $uid, gid: $gid, groups: $groups,
            home: $home, hostname: ($hostname | gsub("[^A-Za-z0-9.-]"; "-")), rootfs: $rootfs, netns: $netns, cgroup: $cgroup,
            files: $files, devices: $devices, volumes: $volumes,
            environment: {SLIPWAY_NODE: $hostname, SLIPWAY_STEP: $name, SLIPWAY_PIPELINE_STATUS: $status,
                SLIPWAY_PIPELINE_FAILED_BY: $failed, SLIPWAY_PREVIOUS_STEP: $previous,
                SLIPWAY_PREVIOUS_STATUS: $previous_status}}' > "$4/about.json"
    jq -c --slurpfile image "$image" --slurpfile about "$4/about.json" \
        '$image[0] as $image | $about[0] as $about | '"$(cat "$slipway_parts/containers-bundle.jq")" "$1" \
        > "$4/config.json" 2> "$slipway_work/jq.err" ||
        slipway_failed "the step $3 cannot be prepared: $(head -n 1 "$slipway_work/jq.err")" \
            'The configuration of its image is wrong: make the image anew.' || return 1
    [ "$(jq '.process.args | length' "$4/config.json")" -gt 0 ] ||
        slipway_failed "the image of step $3 has no command" 'Name one with command: in the step.'
}

# The files that a container has in its /etc. $1: the directory for them
bundle_files() {
    printf '%s\n' "$containers_node" > "$1/hostname"
    cat /etc/resolv.conf > "$1/resolv.conf" 2> /dev/null || : > "$1/resolv.conf"
    {
        echo '127.0.0.1 localhost'
        echo '::1 localhost'
        network_hosts
    } > "$1/hosts"
}
