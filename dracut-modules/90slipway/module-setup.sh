#!/bin/bash
# All root methods of Slipway: `dracut --add slipway`. Name single ones to leave out what the others need.

check() {
    return 255
}

depends() {
    echo bootc-live container-root slipway-nbd
}
