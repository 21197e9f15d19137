#!/bin/bash
# root=bootc-live:URL or root=bootc-live:/path: an OCI archive, its layers unpacked into memory.

check() {
    require_binaries jq || return 1
    return 255
}

depends() {
    echo slipway-lib
}

install() {
    inst_multiple jq
    inst_simple "$moddir/oci-lib.sh" /lib/slipway/oci-lib.sh
    inst_simple "$moddir/bootc-live.sh" /lib/slipway/methods/bootc-live.sh
}
