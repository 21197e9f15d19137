#!/bin/sh
# The documents of cloud-init, placed in the root by the initrd: slipway.seed=URL/ names where they are.

# Where cloud-init's NoCloud looks for them, with or without a network.
slipway_seed_directory=/var/lib/cloud/seed/nocloud

# Places them in a tree. $1: the tree, where it is writable. Never fails: the system starts without them, and reports
# tell of it.
slipway_place_seed() {
    local url='' name='' placed=''
    url=$(getarg slipway.seed=) || return 0
    case $url in
        http://?*/ | https://?*/) ;;
        *) return 0 ;;
    esac
    mkdir -p "$slipway_work/seed"
    for name in meta-data user-data vendor-data network-config; do
        if ! slipway_fetch_seed "$url$name" "$slipway_work/seed/$name" || ! slipway_keep_seed "$1" "$name"; then
            slipway_say "no configuration: $(cat "$slipway_run/failure")"
            slipway_report configuration failed "$(cat "$slipway_run/failure")"
            # Half of it would be worse than none: the system would call itself configured.
            slipway_confined "$1" rm -rf "$slipway_seed_directory" 2> /dev/null
            break
        fi
        placed=1
    done
    rm -rf "${slipway_work:?}/seed"
    [ -z "$placed" ] || [ -s "$slipway_run/failure" ] || slipway_say 'the configuration is placed in the root'
    return 0
}

# Fetches one document; one that there is not is left out. $1: URL; $2: the file. Fails with the reason recorded.
slipway_fetch_seed() {
    local status='' what="the configuration's ${2##*/}"
    echo 1 > "$slipway_work/try"
    : > "$slipway_work/validator"
    rm -f "$slipway_run/failure"
    while :; do
        slipway_transfer "$1" 0 > "$2"
        status=$?
        [ "$status" -ne 0 ] || return 0
        if grep -q '^HTTP/[0-9.]* 404' "$slipway_work/headers"; then
            rm -f "$2"
            return 0
        fi
        # Without the URL, whose token is for no console.
        slipway_try_again "$what" "$(slipway_curl_error "$status")" \
            "$(slipway_fetch_remedy "$status" "$what")" || return 1
    done
}

# Puts a fetched document into the tree, for root alone. $1: the tree; $2: its name. Fails with the reason recorded.
slipway_keep_seed() {
    [ -e "$slipway_work/seed/$2" ] || return 0
    {
        slipway_confined "$1" mkdir -p -m 700 "$slipway_seed_directory" &&
            slipway_confined "$1" dd "of=$slipway_seed_directory/$2" status=none < "$slipway_work/seed/$2" &&
            slipway_confined "$1" chmod 600 "$slipway_seed_directory/$2"
    } 2> "$slipway_work/seed.err" ||
        slipway_failed "the configuration cannot be placed in the root: $(head -n 1 "$slipway_work/seed.err")" \
            'Look whether /var of the root is writable.'
}
