#!/bin/sh
# What a layer asks for beside the files in it, done inside the tree (see confine-lib.sh). Standard input: the names of
# the layer's members, quoted as in C, one on a line, as tar printed them. $1: what to do:
#   make-way    remove what is in the way of the layer; fails if there is nothing
#   whiteouts   act on the markers. Standard output: $here/names
#   overlay-whiteouts  the same, for a layer that lies alone, as overlayfs wants it: what a marker hides is a character
#               device 0/0, and a directory that hides all below has an attribute (Linux' filesystems/overlayfs.rst)
#
# A layer hides what lies below it with `.wh.NAME`, and a whole directory's content with `.wh..wh..opq`; its own
# entries stay, in whatever order they came. tar has unpacked the markers like any file; they are acted on afterwards,
# with the list of the layer's own names. Names stay quoted as tar and ls quote them, one on a line, so that none can
# be mistaken, with line breaks neither.

# There is no /dev/null here, or one of the image's.
here=${PATH:?}
# Never part of a quoted name, so it can mark where one begins and ends.
tab='	'

# The members' names without decoration: no quotes, no empty parts and no single dots. What has .. in it is left out,
# and so is the top directory.
plain_names() {
    sed -e 's#^"#/#' -e 's#"$##' -e ':more' -e 's#/\.\{0,1\}/#/#g' -e 't more' -e 's#/\.\{0,1\}$##' -e 's#^/##' \
        -e '/^$/d' -e '\#\(^\|/\)\.\.\(/\|$\)#d'
}

# Puts what a quoted name, without its quotes, stands for into $name.
unquote() {
    name=$1
    # The x: the shell would drop line breaks at the end.
    # shellcheck disable=SC2059
    case $1 in
        *\\*) name=$(printf -- "$(printf '%s' "$1" | sed -e 's/%/%%/g' -e 's/\\"/\\042/g')x") name=${name%x} ;;
    esac
}

# Makes way for a layer at which tar failed: it does not put a file where a directory with content stands, nor makes the
# directories that a link leads to.
make_way() {
    # The tab marks directories.
    sed -e "s#/\"\$#/$tab\"#" | plain_names | {
        made=1
        while IFS= read -r quoted; do
            unquote "/${quoted%"/$tab"}"
            case $quoted in
                "$tab") continue ;;
                *"/$tab") ;;
                *) [ -d "$name" ] && [ ! -L "$name" ] && rm -rf -- "$name" && made=0 ;;
            esac
            parent=${name%/*}
            [ -d "$parent/" ] || { mkdir -p -- "$(readlink -m -- "$parent")" && made=0; }
        done
        exit "$made"
    }
}

# Prints the names as they are in the tree, each between tabs: the links that their directories go through are followed.
real_names() {
    before='' real=''
    while IFS= read -r quoted; do
        case $quoted in
            */*)
                if [ "${quoted%/*}" != "$before" ]; then
                    before=${quoted%/*} real=${quoted%/*}/
                    unquote "/$before"
                    if cd -P "$name" && [ "$PWD" != "$name" ]; then
                        real=$(ls -d --quoting-style=c "$PWD/")
                        real=${real#\"/}
                        real=${real#/}
                        real=${real%\"}
                    fi
                fi
                printf '%s\n' "$tab$real${quoted##*/}$tab"
                ;;
            *) printf '%s\n' "$tab$quoted$tab" ;;
        esac
    done
}

# Acts on all markers. $1: what hides a name; $2: what hides all in the current directory
apply_whiteouts() {
    plain_names | real_names
    grep -e "$tab\.wh\." -e '/\.wh\.' "$here/names" | while IFS= read -r marker; do
        marker=${marker#"$tab"}
        marker=${marker%"$tab"}
        last=${marker##*/}
        above=${marker%"$last"}
        # A name that only contains the mark, below a directory that does: neither is a marker.
        case $last in
            .wh.*) whiteout "${above%/}" "${last#.wh.}" "$@" ;;
        esac
    done
}

# Acts on one marker. $1: the directory, quoted; $2: what follows .wh. in its name, quoted; then as apply_whiteouts.
whiteout() (
    unquote "/$1"
    cd -P "$name" || exit 0
    # The marker was never part of the image, so the directory keeps the time that the image gave it.
    time=$(stat -c %y .)
    unquote "./.wh.$2"
    rm -rf -- "$name"
    case $2 in
        .wh..opq) "$4" "$1" ;;
        .wh.*) ;;
        '' | . | ..) ;;
        *) "$3" "${1:+$1/}$2" "$2" ;;
    esac
    touch -d "$time" .
)

# Hides a name below the layer, by overlayfs. $2: its last part, quoted, in the current directory.
overlay_hide() {
    unquote "./$2"
    if [ -d "$name" ] && [ ! -L "$name" ]; then
        setfattr -n trusted.overlay.opaque -v y -- "$name"
    elif [ ! -e "$name" ] && [ ! -L "$name" ]; then
        mknod -m 000 -- "$name" c 0 0
    fi
}

# Hides all in the current directory that is below the layer.
overlay_hide_all() {
    setfattr -n trusted.overlay.opaque -v y .
}

# Whether the layer itself has a name, or something below it. $1: the name, quoted.
in_layer() {
    grep -q -F -e "$tab$1$tab" -e "$tab$1/" "$here/names"
}

# Removes what the layer does not have. $1: the name, quoted; $2: its last part, quoted, in the current directory.
prune() (
    [ "/$1" != "$here" ] || exit 0
    unquote "./$2"
    if ! in_layer "$1"; then
        rm -rf -- "$name"
    elif [ -d "$name" ] && [ ! -L "$name" ]; then
        cd -P "$name" || exit 0
        time=$(stat -c %y .)
        prune_children "$1"
        touch -d "$time" .
    fi
)

# Does so for all that is in the current directory. $1: its name, quoted.
prune_children() {
    # shellcheck disable=SC2012
    ls -1 -A --quoting-style=c | while read -r child; do
        child=${child#\"}
        prune "${1:+$1/}${child%\"}" "${child%\"}"
    done
}

case $1 in
    make-way) make_way ;;
    whiteouts)
        apply_whiteouts prune prune_children
        exit 0
        ;;
    overlay-whiteouts)
        apply_whiteouts overlay_hide overlay_hide_all
        exit 0
        ;;
esac
