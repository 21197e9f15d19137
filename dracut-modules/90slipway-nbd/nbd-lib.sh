#!/bin/sh
# A block device over the network, with every block checked, and what keeps it going while the system runs:
#   nbd0, nbd1 (one connected) < slipway-path (multipath: reads wait) < slipway-root (verity: blocks are checked)

# A file system of its own with the programs that connect again; /run goes over to the system that starts.
nbd_keep=/run/slipway-nbd
# Where systemd-networkd looks for what is added to its files; goes over to the system that starts.
nbd_networks=/run/systemd/network

# Reads $slipway_source, nbd://HOST:PORT/DIGEST, and slipway.verity=ROOTHASH:BLOCKS.
nbd_read_arguments() {
    local rest="${slipway_source#nbd://}"
    nbd_digest=${rest##*/}
    rest=${rest%/*}
    nbd_port=${rest##*:}
    nbd_host=${rest%:*}
    case $nbd_host in
        \[*\]) nbd_host=${nbd_host#?} nbd_host=${nbd_host%?} ;;
        '' | *[!0-9.]*) nbd_host='' ;;
    esac
    case $nbd_port in *[!0-9]*) nbd_port='' ;; esac
    [ -n "$nbd_host" ] && [ -n "$nbd_port" ] && slipway_is_digest "$nbd_digest" ||
        slipway_failed "root=slipway+nbd:${slipway_source#nbd://} is not ADDRESS:PORT/DIGEST" \
            'Give IP address, port and the SHA-256 of the image, as the script of the server has them.' || return 1
    nbd_verity=$(getarg slipway.verity=)
    nbd_blocks=${nbd_verity#*:}
    nbd_verity=${nbd_verity%%:*}
    case $nbd_blocks in '' | *[!0-9]*) nbd_verity='' ;; esac
    slipway_is_digest "$nbd_verity" ||
        slipway_failed 'slipway.verity= is missing or not ROOTHASH:BLOCKS: the image cannot be checked' \
            'Take the kernel line from the script of the server.'
}

# Takes back what an earlier try made.
nbd_release() {
    local process='' name='' number='' place=''
    for process in /proc/[0-9]*; do
        case $(tr '\0' ' ' < "$process/cmdline") in @slipway-nbd*) kill "${process#/proc/}" ;; esac
    done 2> /dev/null
    slipway_unmount "$slipway_root"
    for name in slipway-root slipway-path; do
        # Reads that wait would keep the devices in use for ever.
        dmsetup message slipway-path 0 fail_if_no_path 2> /dev/null
        dmsetup remove --retry --noudevsync "$name" 2> /dev/null
    done
    for number in 0 1; do
        [ -e "/sys/block/nbd$number/pid" ] && nbd-client -d "/dev/nbd$number" > /dev/null 2>&1
    done
    for place in "$nbd_keep/proc" "$nbd_keep/sys" "$nbd_keep"; do slipway_unmount "$place"; done
}

nbd_load_drivers() {
    local name=''
    modprobe nbd nbds_max=2 max_part=0 2> /dev/null
    for name in dm-multipath dm-round-robin dm-verity overlay; do modprobe "$name" 2> /dev/null; done
    for name in multipath verity; do
        dmsetup targets | grep -q "^$name " || nbd_lacking "dm-$name" || return 1
    done
    [ -e /sys/block/nbd1 ] || nbd_lacking nbd
}

# Records that a driver is missing, and fails. $1: its name
nbd_lacking() {
    slipway_failed "this kernel, $(uname -r), has no $1 in the initrd" 'Make the initrd with a kernel that has it.'
}

# Copies what the watcher needs to where it stays. The libraries are those that the loader names.
nbd_keep_tools() {
    local tool='' file='' files=''
    slipway_tmpfs "$nbd_keep" '' || slipway_failed 'no tmpfs can be made' 'Has this kernel tmpfs?' || return 1
    for tool in sh cat dd dmsetup nbd-client sleep tail timeout; do
        tool=$(command -v "$tool")
        for file in "$tool" $(slipway_libraries "$tool"); do
            case " $files " in *" $file "*) ;; *) files="$files $file" ;; esac
        done
    done
    # shellcheck disable=SC2015,SC2086 # a list of words
    cp -L --parents $files "$nbd_keep" && mkdir -p "$nbd_keep/usr/bin" &&
        cp /lib/slipway/nbd-watch.sh "$nbd_keep/watch" && ln -s "$(command -v sh)" "$nbd_keep/usr/bin/@slipway-nbd" &&
        mkdir "$nbd_keep/dev" "$nbd_keep/dev/mapper" "$nbd_keep/proc" "$nbd_keep/sys" &&
        nbd_node kmsg c 1:11 && nbd_node null c 1:3 &&
        nbd_node mapper/control c "$(cat /sys/class/misc/device-mapper/dev)" &&
        nbd_node nbd0 b "$(cat /sys/block/nbd0/dev)" && nbd_node nbd1 b "$(cat /sys/block/nbd1/dev)" &&
        mount -t proc proc "$nbd_keep/proc" && mount -t sysfs sysfs "$nbd_keep/sys" ||
        slipway_failed 'the programs that hold the connection cannot be kept in memory' 'Give the machine more memory.'
}

# Makes a device below $nbd_keep. $1: its name; $2: b or c; $3: MAJOR:MINOR
nbd_node() {
    mknod "$nbd_keep/dev/$1" "$2" "${3%:*}" "${3#*:}"
}

# Connects nbd0, or says why not, with growing pauses.
nbd_connect_first() {
    local why='' server="$nbd_host port $nbd_port"
    echo 1 > "$slipway_work/try"
    until timeout 15 nbd-client "$nbd_host" "$nbd_port" /dev/nbd0 -N "$nbd_digest" -b 4096 -t 30 \
        > "$slipway_work/nbd.log" 2>&1; do
        why=$(grep -v '^ *$' "$slipway_work/nbd.log" | tail -n 1)
        slipway_try_again "no connection to $server for image $nbd_digest" "$server: ${why:-no answer}" \
            "Check that the server runs, that it has this version of the image, and that its port $nbd_port can be \
reached; a restart of this machine gets the version in force." || return 1
    done
    read -r nbd_sectors < /sys/block/nbd0/size
    [ "$nbd_sectors" -gt $((nbd_blocks * 8)) ] ||
        slipway_failed "image $nbd_digest on $nbd_host has $nbd_sectors sectors, too few for $nbd_blocks blocks" \
            'The kernel line does not belong to this image: take it from the script of the server.'
}

# Puts multipath and verity on the connection.
nbd_map() {
    local device='' options='queue_if_no_path queue_mode bio'
    read -r device < /sys/block/nbd0/dev
    dmsetup create slipway-path --readonly --noudevsync --table \
        "0 $nbd_sectors multipath 3 $options 0 1 1 round-robin 0 1 0 $device" 2> "$slipway_work/dm.log" ||
        nbd_not_mapped multipath || return 1
    device=$(dmsetup info -c --noheadings --separator : -o major,minor slipway-path)
    nbd_node path b "$device"
    dmsetup create slipway-root --readonly --noudevsync --table \
        "0 $((nbd_blocks * 8)) verity 1 $device $device 4096 4096 $nbd_blocks $nbd_blocks sha256 $nbd_verity -" \
        2> "$slipway_work/dm.log" || nbd_not_mapped verity
}

# Records that the device mapper failed, and fails. $1: what it was to make
nbd_not_mapped() {
    slipway_failed "$1: $(head -n 1 "$slipway_work/dm.log")" 'See "dmesg" in a shell (slipway.on_failure=shell).'
}

# Mounts the image and a tmpfs over it as the root. The mounts below are hidden: the overlay holds what it needs.
nbd_mount() {
    local lower="$slipway_work/lower" upper="$slipway_work/upper" minor='' file=''
    mkdir -p "$lower"
    minor=$(dmsetup info -c --noheadings -o minor slipway-root)
    if ! mount -o ro "/dev/dm-$minor" "$lower" 2> "$slipway_work/mount.log"; then
        nbd_damage || slipway_failed "image $nbd_digest cannot be mounted: $(head -n 1 "$slipway_work/mount.log")" \
            'It must be a squashfs or EROFS image that this kernel can read.'
        return 1
    fi
    slipway_overlay "$lower" "$upper" "$slipway_tmpfs_size" || return 1
    umount -l "$lower"
    umount -l "$upper"
    # Damage to what is read first shows here, where it can still be told from a file that is not there.
    slipway_regular_files "$slipway_root" /usr/lib/systemd/systemd /sbin/init | while IFS= read -r file; do
        cat "$file" > /dev/null 2>&1
    done
    ! nbd_damage
}

# Whether verity found a damaged block; records what it should have been and what it is.
nbd_damage() {
    local block='' leaves='' want='' got='' what="its hash tree does not fit root hash $nbd_verity"
    case $(dmsetup status slipway-root) in *verity\ C*) ;; *) return 1 ;; esac
    block=$(dmesg | sed -n 's/.*verity: [^ ]*: data block \([0-9]*\) is corrupted.*/\1/p' | tail -n 1)
    if [ -n "$block" ]; then
        # The digests of the data blocks are at the end of the device.
        leaves=$(((nbd_blocks + 127) / 128))
        want=$(slipway_hex $((nbd_sectors * 512 - leaves * 4096 + block * 32)) 32 /dev/nbd0)
        got=$(dd if=/dev/nbd0 bs=4096 count=1 skip="$block" 2> /dev/null | sha256sum | cut -d ' ' -f 1)
        what="block $block has the wrong SHA-256 digest: expected $want, got $got"
    fi
    slipway_failed "image $nbd_digest on $nbd_host is damaged: $what" \
        'The server announced other bytes: a disk, memory or link is faulty; put the image there anew.'
    return 0
}

# Sees to it that the system that starts does not take away the address that its root is read through.
nbd_keep_network() {
    local folder='' file='' added=''
    for folder in etc run usr/local/lib usr/lib lib; do
        for file in "$slipway_root/$folder"/systemd/network/*.network; do
            [ -e "$file" ] || continue
            added=$nbd_networks/${file##*/}.d
            mkdir -p "$added"
            printf '[Network]\nKeepConfiguration=yes\nIgnoreCarrierLoss=yes\n' > "$added/50-slipway.conf"
        done
    done
}

# Starts the watcher, which outlives the initrd.
nbd_watch() {
    cat > "$nbd_keep/settings" << SETTINGS
host=$nbd_host
port=$nbd_port
digest=$nbd_digest
sectors=$nbd_sectors
verity=$nbd_verity
path=/dev/path
SETTINGS
    (
        # Out of the service that started it, which ends with the initrd.
        echo 0 > /sys/fs/cgroup/cgroup.procs
        echo -1000 > /proc/self/oom_score_adj
        # With mounts of its own: when the system starts, systemd takes the old /run apart, and what is mounted in it.
        exec unshare --mount --propagation private chroot "$nbd_keep" @slipway-nbd /watch
    ) < /dev/null > /dev/null 2>&1 9>&- &
}
