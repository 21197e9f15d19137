#!/bin/bash
# root=bootc-live:URL, root=bootc-live:/path or root=bootc-live:docker://HOST/NAME:TAG: a container image, its layers
# unpacked into memory.

check() { return 255; }

depends() { echo slipway-oci; }

install() {
    inst_simple "$moddir/bootc-live.sh" /lib/slipway/methods/bootc-live.sh
}
