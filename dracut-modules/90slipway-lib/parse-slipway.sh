#!/bin/sh
# Hook "cmdline": takes the boot on if a method is asked for, before the network modules look at the arguments.

. /lib/slipway/slipway-lib.sh

if slipway_find_method; then
    # Whatever root= says is ours now, so that no other module waits for it.
    root=slipway
    # shellcheck disable=SC2034
    rootok=1 netroot=''
    mkdir -p "$slipway_run"
    : > "$slipway_run/wanted"
    if slipway_is_url "$slipway_source"; then
        echo rd.neednet=1 > /etc/cmdline.d/90-slipway.conf
    fi
    # The initqueue goes on until the root is there.
    # shellcheck disable=SC2154
    echo '[ -e /run/slipway/done ]' > "$hookdir/initqueue/finished/slipway.sh"
    slipway_say "$slipway_method: $slipway_wants will come from $slipway_source"
fi
