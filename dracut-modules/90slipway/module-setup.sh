#!/bin/bash
# All root methods of Slipway that the tools at hand allow: `dracut --add slipway`. Name single ones to leave out what
# the others need.

check() { return 255; }

depends() {
    local module
    for module in "$moddir"/../90bootc-live* "$moddir"/../90container-root "$moddir"/../90slipway-*; do
        module=${module##*/90}
        (module_check "$module") > /dev/null
        case $? in
            # 255: only where it is asked for, as here. Others: so many of its tools are missing, and it says which.
            0 | 255) echo "$module" ;;
        esac
    done
}
