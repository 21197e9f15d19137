#!/bin/sh
# Puts the layers of an image onto each other (OCI image specification 1.1, layer.md).

# The digest of a layer. $1: its number, from 1
oci_layer() {
    sed -n "$1p" "$slipway_work/layers" | grep .
}

# Goes on to the next layer. $1: what is done with it, for people
oci_begin_layer() {
    oci_number=$((oci_number + 1))
    slipway_say "$1 layer $oci_number of $oci_count"
}

# Puts a layer that can be read twice onto the tree. $1: the tree; $2: the layer's digest; then the command that prints
# the layer. Fails as oci_unpack_layer does, but for 4.
oci_put_layer() {
    local tree="$1" digest="$2" status=''
    shift 2
    "$@" | oci_unpack_layer "$tree" "$digest"
    status=$?
    [ "$status" -eq 4 ] || return "$status"
    # What was in its way is gone now.
    rm -f "$slipway_run/failure"
    "$@" | oci_unpack_layer "$tree" "$digest"
    status=$?
    [ "$status" -ne 4 ] || status=1
    return "$status"
}

# Puts a layer onto what the layers below it left. Standard input: the layer, compressed or not, to its end.
# $1: the tree; $2: the layer's digest. 4: it must be read a second time, what was in its way is gone now. 5: its digest
# is wrong.
oci_unpack_layer() {
    local status='' found=''
    slipway_digested "$slipway_work/layer.digest" slipway_unpack "$1"
    status=$?
    read -r found _ < "$slipway_work/layer.digest"
    # Nothing came at all.
    [ "$found" != e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ] ||
        oci_layer_is_missing "$2" || return 1
    # The digest first: where it is wrong, whatever tar complained of is only the consequence.
    slipway_check_digest "${2#sha256:}" "$found" "layer $2 of $slipway_source" || return
    if [ "$status" -ne 0 ]; then
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
        slipway_make_tools sh grep ls mkdir readlink rm sed stat touch &&
            { [ "$2" != overlay-whiteouts ] || slipway_make_tools mknod setfattr; } &&
            cp "$slipway_parts/oci-tree.sh" "$slipway_tools/" &&
            slipway_confined "$1" sh "/$slipway_hidden/oci-tree.sh" "$2" \
                < "$slipway_work/members" > "$slipway_tools/names"
    } 2> "$slipway_work/tree.err"
}

# Records that a layer did not come. $1: its digest. Always fails.
oci_layer_is_missing() {
    oci_is_elsewhere "$1" || slipway_failed "the archive lacks layer $1" 'It is cut short or wrong: make it anew.'
    return 1
}

# Records that a layer is not where the image is, if its type says that. $1: its digest
oci_is_elsewhere() {
    grep -q "^$1.*\(nondistributable\|foreign\)" "$slipway_work/descriptors" || return 1
    slipway_failed "layer $1 is elsewhere, not with the image" 'Build the image with all of its layers.' || return 0
}
