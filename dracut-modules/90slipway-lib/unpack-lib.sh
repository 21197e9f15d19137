#!/bin/sh
# Unpacking while the bytes arrive: decompressor and tar run side by side and nothing is stored in between.

# How a file is compressed. $1: its first six bytes in hex digits. src/images/tools/compression.ts has the same list.
slipway_compression() {
    case $1 in
        1f8b*) echo gzip ;;
        fd377a585a00) echo xz ;;
        # Skippable frames may come first (RFC 8878 section 3.1.2): pzstd and zstd:chunked write some.
        28b52ffd* | 5?2a4d18*) echo zstd ;;
        425a68*) echo bzip2 ;;
        04224d18*) echo lz4 ;;
        4c5a4950*) echo lzip ;;
        894c5a4f*) echo lzop ;;
        # A tar archive may begin with a file called "]".
        5d00000000*) echo none ;;
        5d0000*) echo lzma ;;
        *) echo none ;;
    esac
}

# Decompresses standard input by what it is, whatever it is called. $1: what the files in $slipway_work begin with that
# are left: .status, and what the program said in .err; without it, "decompress".
slipway_decompress() {
    local left="$slipway_work/${1:-decompress}" how=''
    dd bs=1 count=6 of="$left.magic" 2> /dev/null
    how=$(slipway_compression "$(slipway_hex 0 6 "$left.magic")")
    case $how in
        none) set -- ;;
        # zstd takes half of gzip's time for it, where it was built with zlib.
        gzip) if zstd -vV 2>&1 | grep -q gzip; then set -- zstd -dcq; else set -- gzip -dc; fi ;;
        zstd) set -- zstd -dcq ;;
        xz) set -- xz -dc ;;
        *) set -- slipway_cannot_decompress "$how" ;;
    esac
    if [ $# -eq 0 ]; then
        cat "$left.magic" - 2> "$left.err"
    else
        cat "$left.magic" - | "$@" 2> "$left.err"
    fi
    echo $? > "$left.status"
}

# $1: how the file is compressed
slipway_cannot_decompress() {
    echo "it is compressed with $1, which an initrd cannot undo" >&2
    return 1
}

# Runs a command with standard input decompressed, for archives that are compressed as a whole. Fails with the reason
# recorded. Returns the command's status otherwise.
slipway_decompressed() {
    local status=''
    slipway_decompress whole | slipway_drained "$@"
    status=$?
    # First of all, as whatever the command complained of is only the consequence.
    [ "$(cat "$slipway_work/whole.status")" = 0 ] || slipway_unpack_error "$slipway_work/whole.err" || return 1
    return "$status"
}

# Bytes of a file in hex digits. $1: where they begin; $2: how many; $3: the file
slipway_hex() {
    od -An -v -tx1 -j "$1" -N "$2" "$3" 2> /dev/null | tr -d ' \n'
}

# As many of ? as characters, to cut fields out of a header without a program for each, which took twice as long for an
# archive of 200 members.
slipway_any() {
    printf '%*s' "$1" '' | tr ' ' '?'
}
slipway_any_12=$(slipway_any 12) slipway_any_100=$(slipway_any 100) slipway_any_124=$(slipway_any 124)

# Reads a tar header (POSIX "pax", ustar interchange format) into $tar_name, without a leading ./, $tar_type, $tar_size
# and $tar_magic. What is not printable ASCII becomes ?. $1: a file; $2: the header's block in it. Fails where there is
# none or an empty one.
slipway_tar_header() {
    local header='' rest=''
    # Fields end in NUL, which a shell cannot keep. The point: it would drop line breaks at the end.
    header=$(dd if="$1" bs=512 skip="$2" count=1 status=none | LC_ALL=C tr '\000\001-\037\177-\377' '\n?' && echo .)
    [ ${#header} -eq 513 ] || return 1
    slipway_tar_field "$header" "$slipway_any_100"
    [ -n "$tar_field" ] || return 1
    tar_name=${tar_field#./}
    # shellcheck disable=SC2295 # a pattern
    rest=${header#$slipway_any_124}
    slipway_tar_field "$rest" "$slipway_any_12"
    case $tar_field in
        # From 8 GiB on a binary number, whose first bit is set.
        \?*)
            tar_size=$(slipway_hex $(($2 * 512 + 128)) 8 "$1")
            # No more than the shell can count.
            case $tar_size in [0-7]*) tar_size=$((0x$tar_size)) ;; *) return 1 ;; esac
            ;;
        *)
            # Octal digits, with blanks in front or behind.
            tar_size=${tar_field%"${tar_field##*[0-7]}"}
            tar_size=${tar_size##*[!0-7]}
            tar_size=$((0$tar_size))
            ;;
    esac
    rest=${rest#????????????????????????????????}
    slipway_tar_field "$rest" '?'
    tar_type=$tar_field
    # shellcheck disable=SC2295 # a pattern
    rest=${rest#?$slipway_any_100}
    slipway_tar_field "$rest" '?????'
    tar_magic=$tar_field
}

# Puts a field at the start of a header into $tar_field. $1: from there on; $2: as many of ? as it is long
slipway_tar_field() {
    # shellcheck disable=SC2295 # a pattern
    tar_field=${1%"${1#$2}"}
    tar_field=${tar_field%%"$slipway_line_break"*}
}
slipway_line_break='
'

# Records that an archive is one that cannot be unpacked while it arrives: its layers stand in no order.
slipway_docker_archive() {
    slipway_failed "${slipway_source} is an archive of \"docker save\" or \"podman save\", not an OCI archive" \
        'Convert it: skopeo copy docker-archive:FILE oci-archive:root.oci:latest'
}

# Unpacks a tar archive, compressed or not, from standard input, with tar inside the directory: see confine-lib.sh.
# $1: the directory. What matches the patterns in the file $slipway_exclude is left out. ACLs are extended attributes,
# as container tools write them: with --acls, tar would remove those that are not noted in its own way.
# Leaves the members' names, quoted as in C, in $slipway_work/members. Fails with the reason recorded.
slipway_unpack() {
    local watch='' dotdot=''
    if [ ! -e "$slipway_work/unpacking" ]; then
        : > "$slipway_work/unpacking"
        slipway_report unpack begun 'unpacking'
    fi
    : > "$slipway_work/members"
    slipway_make_tools tar ||
        slipway_failed 'the programs that unpack cannot be copied into memory' 'Give the machine more memory.' ||
        return 1
    [ -z "$slipway_exclude" ] || cp "$slipway_exclude" "$slipway_tools/exclude"
    slipway_growth &
    watch=$!
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
    kill "$watch" 2> /dev/null
    if [ "$(cat "$slipway_work/decompress.status")" != 0 ]; then
        slipway_unpack_error "$slipway_work/decompress.err"
    elif [ "$(cat "$slipway_work/tar.status")" != 0 ]; then
        slipway_unpack_error "$slipway_work/tar.err"
    elif dotdot=$(grep -m 1 -e '^"\.\./' -e '^"\.\."' -e '/\.\./' -e '/\.\."$' "$slipway_work/members"); then
        slipway_failed "the archive cannot be unpacked: a member's name has .. in it: $dotdot" \
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
        slipway_say "$(slipway_used) unpacked"
    done
} > /dev/null 2>&1
