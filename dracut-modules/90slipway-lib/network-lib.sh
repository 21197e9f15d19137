#!/bin/sh
# Whether the network is there. Asks the kernel, so that it holds with systemd-networkd, NetworkManager and
# network-legacy alike; none of them is told when to call us.

# Seconds that the network gets before the machine gives up.
slipway_network_timeout=120

# The host in a URL, without user, port and brackets. $1: URL
slipway_url_host() {
    local host="${1#*://}"
    host=${host%%[/?]*}
    host=${host##*@}
    case $host in
        \[*) host=${host#?} host=${host%%\]*} ;;
        *) host=${host%%:*} ;;
    esac
    printf '%s\n' "$host"
}

# Whether there is a way to a host: a route to its address, or a default route where only a name is known.
slipway_has_route() {
    case $1 in
        *:* | [0-9]*.*[0-9]) ip route get "$1" > /dev/null 2>&1 ;;
        *) [ -n "$(ip -4 route show default; ip -6 route show default)" ] ;;
    esac
}

# Gives curl the name servers that systemd-networkd learnt where nothing else wrote /etc/resolv.conf.
slipway_name_servers() {
    [ -s /etc/resolv.conf ] ||
        sed -n 's/^DNS=//p' /run/systemd/netif/leases/* 2> /dev/null | tr ' ' '\n' |
        sed -n 's/^./nameserver &/p' > /etc/resolv.conf
}

# What state the links are in, in one line, for a message.
slipway_links() {
    local link='' addresses=''
    for link in /sys/class/net/*; do
        link=${link##*/}
        [ "$link" != lo ] || continue
        addresses=$(ip -o address show dev "$link" scope global | sed -n 's/.*inet6* \([^ ]*\).*/\1/p')
        printf '%s %s, %s; ' "$link" "$(cat "/sys/class/net/$link/operstate")" "${addresses:-no address}"
    done | sed 's/; $//' | grep . || echo 'none: no driver in the initrd'
}

# One look at the network. $1: the URL to be fetched.
# 0: it is there. 1: not yet, look again later. 2: the time is up, with the reason recorded.
slipway_network() {
    local proxy='' host='' now='' since='' told=''
    proxy=$(getarg proxy=)
    host=$(slipway_url_host "${proxy:-$1}")
    if slipway_has_route "$host"; then
        slipway_name_servers
        rm -f "$slipway_run/waiting"
        return 0
    fi
    now=$(slipway_uptime)
    [ -f "$slipway_run/waiting" ] || printf '%s %s\n' "$now" "$now" > "$slipway_run/waiting"
    read -r since told < "$slipway_run/waiting"
    if [ $((now - since)) -ge $slipway_network_timeout ]; then
        rm -f "$slipway_run/waiting"
        slipway_failed "no route to $host after $slipway_network_timeout s; network: $(slipway_links)" \
            'Check cable and switch, that a DHCP server answers, and that the kernel line has ip=dhcp.'
        return 2
    fi
    if [ $((now - told)) -ge 10 ]; then
        slipway_say "waiting for a route to $host; network: $(slipway_links)"
        printf '%s %s\n' "$since" "$now" > "$slipway_run/waiting"
    fi
    return 1
}
