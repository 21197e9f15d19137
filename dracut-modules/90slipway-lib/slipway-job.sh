#!/bin/sh
# Hook "initqueue", called again and again: the network comes up through the same queue, so this must not wait for it.

if [ -e /run/slipway/wanted ] && [ ! -e /run/slipway/done ]; then
    /sbin/slipway-root
    # The time that a download takes is not the queue's to limit: slipway-root has bounds of its own.
    # shellcheck disable=SC2034
    main_loop=0
fi
