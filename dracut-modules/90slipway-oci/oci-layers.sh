#!/bin/sh
# Puts the layers of an image onto each other (OCI image specification 1.1, layer.md).

# Puts a layer onto what the layers below it left. Standard input: the layer, compressed or not, to its end.
# $1: the tree; $2: the layer's digest. 4: it must be read a second time what was in its way is gone now.
oci_unpack_layer() {
    slipway_growth &
    slipway_watch=$!
    slipway_digested "$slipway_work/layer.digest" slipway_unpack "$1"
    oci_status=$?
    kill "$slipway_watch" 2> /dev/null
    oci_found=$(slipway_digest "$slipway_work/layer.digest")
    [ "$oci_found" != e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ] ||
        slipway_failed "the archive lacks layer $2" 'It is cut short or was made wrongly: make it anew.' || return 1
    # The digest first: where it is wrong, whatever tar complained of is only the consequence.
    slipway_check_digest "${2#sha256:}" "$oci_found" "layer $2 of $slipway_source" || return 1
    if [ "$oci_status" -ne 0 ]; then
        slipway_was_too_big || ! oci_in_tree "$1" make-way || return 4
        return 1
    fi
    ! grep -q '\.wh\.' "$slipway_work/members" || oci_in_tree "$1" whiteouts ||
        slipway_failed "the whiteouts of layer $2 cannot be acted on: $(head -n 1 "$slipway_work/tree.err")" \
            'Give the machine more memory, or make the image anew.'
}

# Has oci-tree.sh do something for the layer just read. $1: the tree; $2: what
oci_in_tree() {
    {
        slipway_make_tools sh grep ls mkdir readlink rm sed stat touch && cp "$slipway_parts/oci-tree.sh" "$slipway_tools/" &&
            slipway_confined "$1" sh "/$slipway_hidden/oci-tree.sh" "$2" < "$slipway_work/members" > "$slipway_tools/names"
    } 2> "$slipway_work/tree.err"
}
