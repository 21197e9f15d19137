#!/bin/sh
# The network that steps have for themselves: a bridge, an address for each step, and a way out behind the machine's own
# address. Steps know each other by name.

network_bridge=slipway0
network_prefix=10.88.0

# The address of a step. $1: its number, from 0
network_address() {
    printf '%s.%s\n' "$network_prefix" $(($1 + 2))
}

# The lines of /etc/hosts for the steps.
network_hosts() {
    local number=0 name=''
    containers_jq -r '.steps[] | select(.network == "private") | .name' > "$slipway_work/private"
    containers_jq -r '.steps[].name' | while read -r name; do
        ! grep -q -x -F -e "$name" "$slipway_work/private" || printf '%s %s\n' "$(network_address "$number")" "$name"
        number=$((number + 1))
    done
}

# Makes the bridge unless it is there. Fails with the reason recorded.
network_make_bridge() {
    [ ! -e "/sys/class/net/$network_bridge" ] || return 0
    modprobe -a bridge veth nf_tables nft_chain_nat nft_masq 2> /dev/null
    {
        ip link add "$network_bridge" type bridge &&
            ip address add "$network_prefix.1/24" dev "$network_bridge" &&
            ip link set "$network_bridge" up &&
            echo 1 > /proc/sys/net/ipv4/ip_forward
    } 2> "$slipway_work/network.err" ||
        slipway_failed "the private network cannot be made: $(head -n 1 "$slipway_work/network.err")" \
            'Make the initrd with the kernel modules bridge and veth, or use network: host.' || return 1
    # Without it, steps reach each other and the machine alone.
    nft -f - 2> "$slipway_work/network.err" << RULES ||
table ip slipway {
    chain out {
        type nat hook postrouting priority 100;
        ip saddr $network_prefix.0/24 ip daddr != $network_prefix.0/24 masquerade
    }
}
RULES
        slipway_say 'private networks have no way out: this initrd has no nft, or the kernel no masquerading'
    :
}

# Makes the network of a step, and sets $network_path. $1: the step's number, from 0; $2: its kind. Fails with the reason
# recorded.
network_open() {
    local ns="slipway-$1"
    network_path=''
    [ "$2" = private ] || return 0
    [ "$1" -lt 250 ] || slipway_failed 'private networks are for up to 250 steps' 'Use network: host.' || return 1
    network_make_bridge || return 1
    ip netns delete "$ns" 2> /dev/null
    {
        ip netns add "$ns" &&
            ip link add "sw$1" type veth peer name eth0 netns "$ns" &&
            ip link set "sw$1" master "$network_bridge" up &&
            ip -n "$ns" link set lo up &&
            ip -n "$ns" address add "$(network_address "$1")/24" dev eth0 &&
            ip -n "$ns" link set eth0 up &&
            ip -n "$ns" route add default via "$network_prefix.1"
    } 2> "$slipway_work/network.err" ||
        slipway_failed "the network of a step cannot be made: $(head -n 1 "$slipway_work/network.err")" \
            'Make the initrd with the kernel module veth, or use network: host.' || return 1
    network_path=/run/netns/$ns
}

# Takes the network of a step away. $1: the step's number
network_close() {
    ip netns delete "slipway-$1" 2> /dev/null
    :
}
