#!/bin/sh
# The clock, before certificates are checked: machines in racks have wrong ones.

# Sets the clock by the first NTP server of the document that answers. Fails with the reason recorded where none does.
containers_set_clock() {
    local server='' servers=''
    servers=$(containers_jq -r '.clock[]')
    [ -n "$servers" ] || return 0
    for server in $servers; do
        slipway_say "setting the clock by $server"
        if command -v chronyd > /dev/null; then
            timeout 20 chronyd -q -t 15 "server $server iburst maxsamples 1" > "$slipway_work/clock.err" 2>&1 && return 0
        elif command -v busybox > /dev/null; then
            timeout 20 busybox ntpd -n -q -p "$server" > "$slipway_work/clock.err" 2>&1 && return 0
        else
            echo 'this initrd has neither chronyd nor busybox' > "$slipway_work/clock.err"
        fi
    done
    slipway_failed "the clock could not be set: $(tail -n 1 "$slipway_work/clock.err")" \
        'Check the NTP servers of clock: in the configuration, and that this machine may reach them.'
}
