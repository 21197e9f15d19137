#!/bin/sh
# Volumes mirrored with a store. The server has its credentials and lists it; files go directly, by URLs that the server
# signs and that are good for some minutes.
#
# What was alike on both sides is kept in a list: of each file its ETag in the store, and size and times here. A file
# differs where it is not as in that list, so each side can tell its own changes from the other's. A list that is too
# old, as after a power failure, only means that more is compared or brought again.
#
# Containers may change a volume meanwhile. Its directories are entered one by one, and never through a link; files
# arrive beside the volume and are renamed into it.

slipway_load containers-mirror-plan containers-mirror-files

# Files that are on the way at once; files between two writings of the list, and in one request; and seconds between
# two looks for changes.
mirror_at_once=4
mirror_batch=500
mirror_interval=${mirror_interval:-10}
mirror_tab=$(printf '\t')

# Brings into a volume what its store has. $1: its name; $2: start or step; $3: its directory. Does nothing where the
# document says so. Fails with the reason recorded.
mirror_pull() (
    mirror_wants "$1" ".pull | index(\"$2\")"
    case $? in
        0) mirror_begin "$1" "$3" && mirror_repeat mirror_pull_once ;;
        1) return 0 ;;
        *) return 2 ;;
    esac
)

# Brings into the store what a volume has. $1: its name; $2: step or end; $3: its directory. As above. At the end, what
# is brought whenever it changes is brought too.
mirror_push() (
    mirror_wants "$1" ".push | index(\"$2\"), (\"$2\" == \"end\" and index(\"changes\") != null)"
    case $? in
        0) mirror_begin "$1" "$3" && mirror_repeat mirror_push_once ;;
        1) return 0 ;;
        *) return 2 ;;
    esac
)

# Has changes of a volume brought into the store from now on, if the document asks for that. $1: its name; $2: its
# directory.
mirror_watch() {
    local work="$containers_run/mirror/$1"
    mirror_wants "$1" '.push | index("changes")' || return 0
    mkdir -p "$work"
    rm -f "$work/stop"
    mirror_watching "$1" "$2" "$work" < /dev/null > /dev/null 2>&1 &
    echo $! > "$work/watch"
}

# Ends all watches, each after what it is about to bring.
mirror_stop() {
    local work='' watch=''
    for work in "$containers_run"/mirror/*; do
        [ -e "$work/watch" ] || continue
        : > "$work/stop"
        read -r watch < "$work/watch"
        rm -f "$work/watch"
        # shellcheck disable=SC2046  # one number, or none between two looks
        kill $(cat "$work/waiting" 2> /dev/null) 2> /dev/null
        wait "$watch"
    done
}

# Brings changes until it is told to stop. $1: the volume's name; $2: its directory; $3: where its work is.
mirror_watching() (
    slipway_record=$3/record
    while mirror_await "$2" "$3"; do
        (mirror_begin "$1" "$2" && mirror_repeat mirror_push_once) ||
            slipway_say "volume $1: $(cat "$slipway_record/failure")"
    done
)

# Waits until something may have changed below $1, a while at most. Fails if it is time to stop: there is $2/stop.
mirror_await() {
    [ ! -e "$2/stop" ] || return 1
    if command -v inotifywait > /dev/null; then
        inotifywait -qq -r -t "$mirror_interval" -e close_write,create,delete,move,attrib "$1" &
    else
        sleep "$mirror_interval" &
    fi
    echo $! > "$2/waiting"
    wait $!
    rm -f "$2/waiting"
    [ ! -e "$2/stop" ]
}

# Whether the document asks for something. $1: the volume's name; $2: what finds it in a mirror, for jq. 1: it does not;
# more than that: it cannot be read, with the reason recorded.
mirror_wants() {
    jq -e --arg name "$1" "[.volumes[] | select(.name == \$name).mirror // empty | $2] | any(. != null and . != false)" \
        "$containers_document" > /dev/null
    case $? in
        0) return 0 ;;
        1) return 1 ;;
        *) slipway_failed "volume $1: the document cannot be read" 'Memory may be short: look at the kernel log.' || return 2 ;;
    esac
}

# Makes what work on a volume needs, for a subshell that does nothing else. $1: its name; $2: its directory.
mirror_begin() {
    local beside=''
    mirror_name=$1
    mirror_work=$containers_run/mirror/$1
    slipway_work=$mirror_work
    export LC_ALL=C
    mkdir -p "$mirror_work" && mirror_dir=$(cd -P "$2" && pwd -P) && mirror_volume=$(stat -c %i:%W "$mirror_dir") ||
        slipway_failed "volume $1 has no directory $2" 'This is a fault of Slipway.' || return 1
    until mkdir "$mirror_work/lock" 2> /dev/null; do sleep 1; done
    trap 'rmdir "$mirror_work/lock"' EXIT
    jq -e --arg name "$1" '.volumes[] | select(.name == $name)' "$containers_document" > "$mirror_work/volume" &&
        jq -r '.mirror.exclude[]' "$mirror_work/volume" > "$mirror_work/exclude" ||
        slipway_failed "volume $1: the document cannot be read" 'Memory may be short: look at the kernel log.' || return 1
    # What is about memory goes with it. On the cache device files arrive on the volume's own file system; if that is
    # mounted for itself, it is encrypted, and what is in it must not lie beside it.
    mirror_kept='' mirror_list=$mirror_work/list beside=${mirror_dir%/*}
    mirror_aside=$mirror_work/aside
    if [ "$(jq -r .place "$mirror_work/volume")" = cache ]; then
        mirror_kept=1 mirror_list=$beside/.$1.mirror
        [ "$(stat -c %d "$beside")" != "$(stat -c %d "$mirror_dir")" ] || mirror_aside=$beside/.$1.mirror.aside
    fi
    mirror_pending=$mirror_list.pending
    mirror_proxy=$(getarg proxy=)
    mirror_insecure=''
    ! getargbool 0 rd.noverifyssl || mirror_insecure=1
    : > "$slipway_work/headers"
    rm -rf "$mirror_aside" && mkdir -m 700 "$mirror_aside" && touch "$mirror_pending" ||
        slipway_failed "volume $1: nothing can be kept beside it" 'Look at the cache device.' || return 1
    # The list of another directory of this name says nothing.
    jq -e --arg volume "$mirror_volume" 'select(.volume == $volume and (.files | type) == "object")' \
        "$mirror_list" > "$mirror_work/base" 2> /dev/null || echo '{"files":{}}' > "$mirror_work/base"
}

# Runs a round until nothing is left to do; as long as each leaves less than the one before, it may be many. $1: the
# round's command, which leaves in $mirror_work/todo what it had to do, and in $mirror_work/why what it could not.
mirror_repeat() {
    local left='' before=''
    echo 1 > "$slipway_work/try"
    : > "$mirror_work/todo"
    while :; do
        rm -f "$mirror_work/why" "$mirror_work/remedy"
        "$1"
        [ -e "$mirror_work/why" ] || return 0
        left=$(wc -l < "$mirror_work/todo")
        [ "$left" -ge "${before:-$left}" ] || echo 1 > "$slipway_work/try"
        before=$left
        slipway_try_again "volume $mirror_name" "$(head -n 1 "$mirror_work/why")" \
            "$(head -n 1 "$mirror_work/remedy")" || return 1
    done
}

# Notes what went wrong in this round. $1: it; $2: what to do. Always fails.
mirror_wrong() {
    # A name in a message may have anything in it.
    printf '%s\n' "$1" | tr -cd '[:print:]\n' >> "$mirror_work/why"
    printf '%s\n' "$2" >> "$mirror_work/remedy"
    return 1
}

# One request with curl's options for all of them. $1: what it is about, for people; $2: the URL; then more options.
mirror_curl() {
    local what="$1" url="$2" status=''
    shift 2
    [ -z "$mirror_proxy" ] || set -- "$@" --proxy "$mirror_proxy"
    [ -z "$mirror_insecure" ] || set -- "$@" --insecure
    curl --fail --globoff --silent --show-error --proto '=http,https' --dump-header "$slipway_work/headers" \
        --connect-timeout "$slipway_connect_timeout" --speed-limit 1 "$@" -- "$url" 2> "$slipway_work/curl.err"
    status=$?
    # The rest of the URL allows the request to whoever reads it.
    [ "$status" -eq 0 ] ||
        mirror_wrong "$what: $(slipway_curl_error "$status")" "$(slipway_fetch_remedy "$status" "${url%%\?*}")"
}

# Asks the server about this volume. $1: the file for its answer; then more options of curl.
mirror_ask() {
    local answer="$1"
    shift
    mirror_curl "the server's answer about the store" "$containers_base/volumes/$mirror_name" \
        --speed-time 120 --max-time 900 --max-filesize 268435456 --output "$answer" "$@"
}
