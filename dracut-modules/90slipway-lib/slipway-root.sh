#!/bin/sh
# /sbin/slipway-root: makes the root file system in /run/slipway/root, or says why not. Returns at once, with nothing
# done, while there is no network yet.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
. /lib/dracut-lib.sh
. /lib/slipway/slipway-lib.sh
. /lib/slipway/memory-lib.sh
. /lib/slipway/confine-lib.sh
. /lib/slipway/network-lib.sh
. /lib/slipway/report-lib.sh
. /lib/slipway/fetch-lib.sh
. /lib/slipway/unpack-lib.sh

exec 9>&1
# shellcheck disable=SC2034
[ -n "$DRACUT_SYSTEMD" ] && slipway_journal=1

slipway_find_method || exit 0

# Whatever the kernel ends where memory runs out, this tells of it. So do its children, but for the expendable ones.
echo -1000 > /proc/self/oom_score_adj

if slipway_is_url "$slipway_source"; then
    slipway_network "$slipway_source"
    case $? in
        1) exit 0 ;;
        2)
            slipway_give_up
            exit 0
            ;;
    esac
    slipway_report network 'done' "$(slipway_links)"
fi

# All of it once; nothing stays mounted where it fails.
make_root() {
    slipway_remove "$slipway_work"
    rm -f "$slipway_run/failure" "$slipway_run/remedy"
    mkdir -p "$slipway_work"
    slipway_check_memory || return 1
    slipway_say "fetching $slipway_source"
    slipway_report root begun "fetching $slipway_source"
    slipway_read_digest && slipway_read_tmpfs_size && slipway_make_root && return 0
    [ -s "$slipway_run/failure" ] ||
        slipway_failed 'nothing gave a reason' 'See what the initrd logged: journalctl -b'
    slipway_drop_memory
    return 1
}

begin=$(slipway_uptime)
until make_root; do slipway_give_up; done
slipway_drop_tools
seconds=$(($(slipway_uptime) - begin))
# What did not come as one file.
[ -e "$slipway_work/fetched" ] || slipway_report root 'done' "$slipway_source is there"
[ ! -e "$slipway_work/unpacking" ] || slipway_report unpack 'done' "$(slipway_used) in memory" "seconds=$seconds"
slipway_remove "$slipway_store" "$slipway_work"
slipway_settle_memory
slipway_say "the root is ready after $seconds s: $(slipway_used) in memory"
: > "$slipway_run/done"
