#!/bin/sh
# Runs from the initrd on for as long as the machine does, in a root of its own that needs nothing of the system's, and
# sees to it that the image can be read: when the server goes away, reads wait until it is back.
#
# nbd-client's own way to connect again loses the reads of the meantime, and fails where the device is in use. So the
# kernel's multipath keeps them, and gets another nbd device as soon as one is connected.
# Its name begins with "@", which keeps systemd from ending it when the system starts and stops.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /settings

device=0
told=''

# Says a line on the console and in the journal: errors are shown with `quiet` too.
say() {
    printf '<3>slipway: %s\n' "$*" > /dev/kmsg
}

# Connects the device that is not in use, and lets multipath go on with it.
reconnect() {
    other=$((1 - device))
    # What the dead connection owes would be waited for until its time is out: now it fails, and multipath keeps it.
    nbd-client -d "/dev/nbd$device" > /dev/null 2>&1
    waited=0
    # A server that comes back and fails again at once is not to be asked without a pause.
    sleep 1
    say "the connection to $host port $port is lost: reads of the root wait until it is back"
    until
        nbd-client -d "/dev/nbd$other" > /dev/null 2>&1
        # shellcheck disable=SC2154
        timeout 15 nbd-client "$host" "$port" "/dev/nbd$other" -N "$digest" -b 4096 -t 30 > /client.log 2>&1 &&
            [ "$(cat "/sys/block/nbd$other/size")" = "$sectors" ]
    do
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 20)) -ne 0 ] || say "no connection to $host port $port yet: $(tail -n 1 /client.log)"
    done
    dmsetup reload slipway-path --readonly --noudevsync --table "$(table "$other")" &&
        # Without --noflush the reads that wait would fail.
        dmsetup resume slipway-path --noflush --nolockfs --noudevsync
    device=$other
    say "connected to $host port $port again"
}

# The multipath of one nbd device. $1: its number
table() {
    printf '0 %s multipath 3 queue_if_no_path queue_mode bio 0 1 1 round-robin 0 1 0 %s' \
        "$sectors" "$(cat "/sys/block/nbd$1/dev")"
}

# Reads a block now and then, past all caches: a connection that is dead shows only when something is read, and a server
# that came back must know that this machine still needs its version of the image. And says so if the image is damaged.
look() {
    while :; do
        # systemd ends this when the system starts, and nothing but this.
        sleep 10
        dd if="$path" of=/dev/null bs=4096 count=1 iflag=direct 2> /dev/null
        [ -z "$told" ] || continue
        case $(dmsetup status slipway-root) in
            *verity\ C*)
                told=1
                say "blocks of image $digest on $host are damaged: what the server sends does not fit root hash $verity"
                ;;
        esac
    done
}

look &
while :; do
    events=$(dmsetup info -c --noheadings -o events slipway-path)
    case $(dmsetup status slipway-path) in
        *" F "*) reconnect ;;
        *) dmsetup wait slipway-path "$events" > /dev/null 2>&1 || sleep 1 ;;
    esac
done
