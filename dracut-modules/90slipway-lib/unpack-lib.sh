#!/bin/sh
# Unpacking while the bytes arrive: decompressor and tar run side by side and nothing is stored in between.

# Decompresses standard input by what it is, whatever it is called. The status goes to $slipway_work/decompress.status.
slipway_decompress() {
    dd bs=1 count=6 of="$slipway_work/magic" 2> /dev/null
    case $(od -An -v -tx1 < "$slipway_work/magic" | tr -d ' \n') in
        # zstd takes half of gzip's time for it, where it was built with zlib.
        1f8b*) if zstd -vV 2>&1 | grep -q gzip; then set -- zstd -dcq; else set -- gzip -dc; fi ;;
        fd377a585a00) set -- xz -dc ;;
        28b52ffd*) set -- zstd -dcq ;;
        *) set -- cat ;;
    esac
    cat "$slipway_work/magic" - | "$@" 2> "$slipway_work/decompress.err"
    echo $? > "$slipway_work/decompress.status"
}

# Unpacks a tar archive, compressed or not, from standard input, with tar inside the directory: see confine-lib.sh.
# $1: the directory. What matches the patterns in the file $slipway_exclude is left out. ACLs are extended attributes,
# as container tools write them: with --acls, tar would remove those that are not noted in its own way.
# Leaves the members' names, quoted as in C, in $slipway_work/members. Fails with the reason recorded.
slipway_unpack() {
    : > "$slipway_work/members"
    slipway_make_tools tar ||
        slipway_failed 'the programs that unpack cannot be copied into memory' 'Give the machine more memory.' ||
        return 1
    [ -z "$slipway_exclude" ] || cp "$slipway_exclude" "$slipway_tools/exclude"
    {
        slipway_decompress
        # What tar leaves unread behind the end of the archive must not stop whoever sends it.
        cat > /dev/null
    } | {
        # --absolute-names: else links that lead up or to the top would be made last, after what comes through them.
        slipway_confined "$1" tar -x -v -f - ${slipway_exclude:+"--exclude-from=/$slipway_hidden/exclude"} \
            --absolute-names --preserve-permissions --same-owner --numeric-owner --xattrs --xattrs-include='*' \
            --warning=no-timestamp --quoting-style=c > "$slipway_work/members" 2> "$slipway_work/tar.err"
        echo $? > "$slipway_work/tar.status"
        cat > /dev/null
    }
    if [ "$(cat "$slipway_work/decompress.status")" != 0 ]; then
        slipway_unpack_error "$slipway_work/decompress.err"
    elif [ "$(cat "$slipway_work/tar.status")" != 0 ]; then
        slipway_unpack_error "$slipway_work/tar.err"
    elif slipway_dotdot=$(grep -m 1 -e '^"\.\./' -e '^"\.\."' -e '/\.\./' -e '/\.\."$' "$slipway_work/members"); then
        slipway_failed "the archive cannot be unpacked: a member's name has .. in it: $slipway_dotdot" \
            'Make the archive anew.'
    fi
}

# Whether the archive just unpacked was too big: no space was left for tar, or no memory.
slipway_was_too_big() {
    [ "$(cat "$slipway_work/tar.status")" = 137 ] || grep -q 'No space left' "$slipway_work/tar.err"
}

# Records why an archive could not be unpacked. $1: what the failing program said.
slipway_unpack_error() {
    if slipway_was_too_big; then
        slipway_no_room
    else
        slipway_failed "the archive cannot be unpacked: $(head -n 1 "$1")" \
            'Check that the file is whole: a tar archive, plain or compressed with gzip, xz or zstd.'
    fi
}

# Says every few seconds how much has been unpacked.
slipway_growth() {
    while sleep 5 > /dev/null 2>&1; do
        slipway_say "$(slipway_used "$slipway_memory") unpacked"
    done
} > /dev/null 2>&1
