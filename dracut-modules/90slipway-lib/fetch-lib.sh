#!/bin/sh
# Downloads: never silent, never for ever. curl does the protocols; what is tried again, and when, is decided here.

# How often a transfer is begun before it counts as failed, and the longest pause between two tries in seconds.
slipway_tries=${slipway_tries:-8}
slipway_pause=${slipway_pause:-16}
# curl's limits in seconds: to reach the server, and without a single byte.
slipway_connect_timeout=10
slipway_stall_timeout=20

# One transfer, to standard output; progress every few seconds. $1: URL; $2: the byte to begin at.
# Returns curl's status, and leaves what curl said in $slipway_work/curl.err.
slipway_transfer() {
    : > "$slipway_work/headers"
    set -- "$1" "$2" --fail --location --globoff --silent --show-error --max-redirs 10 \
        --proto '=http,https,ftp,tftp' --proto-redir '=http,https' \
        --connect-timeout "$slipway_connect_timeout" --speed-limit 1 --speed-time "$slipway_stall_timeout" \
        --tftp-blksize 1468 --dump-header "$slipway_work/headers" --stderr "$slipway_work/curl.err"
    if [ "$2" -gt 0 ]; then
        set -- "$@" --continue-at "$2"
        # Without this a file that changed in between would be joined to the piece of the old one.
        [ -s "$slipway_work/validator" ] && set -- "$@" --header "If-Range: $(cat "$slipway_work/validator")"
    fi
    slipway_proxy=$(getarg proxy=)
    [ -n "$slipway_proxy" ] && set -- "$@" --proxy "$slipway_proxy"
    getargbool 0 rd.noverifyssl && set -- "$@" --insecure
    slipway_url=$1
    slipway_offset=$2
    shift 2
    : > "$slipway_work/curl.err"
    curl "$@" -- "$slipway_url" &
    slipway_curl=$!
    slipway_progress "$slipway_curl" "$slipway_offset" > /dev/null &
    slipway_watch=$!
    wait "$slipway_curl"
    slipway_status=$?
    kill "$slipway_watch" 2> /dev/null
    wait "$slipway_watch" 2> /dev/null
    return "$slipway_status"
}

# Says every few seconds how far a transfer is. $1: curl's process; $2: the bytes that were there before.
slipway_progress() {
    slipway_seconds=0
    while sleep 1 > /dev/null 2>&1 && kill -0 "$1" 2> /dev/null; do
        slipway_seconds=$((slipway_seconds + 1))
        [ $((slipway_seconds % 5)) -eq 0 ] || continue
        slipway_done=$(sed -n 's/^wchar: *//p' "/proc/$1/io" 2> /dev/null)
        slipway_length=$(slipway_header content-length)
        if [ -z "$slipway_done" ]; then
            slipway_say "still downloading after $slipway_seconds s"
        elif [ -n "$slipway_length" ]; then
            slipway_say "$(slipway_size $((slipway_done + $2))) of $(slipway_size $((slipway_length + $2)))"
        else
            slipway_say "$(slipway_size $((slipway_done + $2))) so far"
        fi
    done
}

# The value of a header of the last answer, in the spelling that the server sent. $1: its name in lower case.
slipway_header() {
    tr -d '\r' < "$slipway_work/headers" | while IFS=: read -r name value; do
        case $(printf '%s' "$name" | tr '[:upper:]' '[:lower:]') in
            "$1") printf '%s\n' "${value# }" ;;
        esac
    done | tail -n 1
}

# Keeps what identifies the version that is being downloaded, so that it can be resumed: a strong ETag, or the date.
slipway_keep_validator() {
    slipway_etag=$(slipway_header etag)
    case $slipway_etag in
        '' | W/*) slipway_header last-modified > "$slipway_work/validator" ;;
        *) printf '%s\n' "$slipway_etag" > "$slipway_work/validator" ;;
    esac
}

# What curl said of the last transfer, in one line.
slipway_curl_error() {
    slipway_said=$(tail -n 1 "$slipway_work/curl.err" 2> /dev/null)
    printf '%s\n' "${slipway_said:-curl ended with status $1}"
}

# The pause before the try after this one, in seconds: 1, 2, 4, 8 and so on. $1: the try, from 1.
slipway_backoff() {
    slipway_delay=1
    slipway_n=$1
    while [ "$slipway_n" -gt 1 ] && [ "$slipway_delay" -lt "$slipway_pause" ]; do
        slipway_delay=$((slipway_delay * 2))
        slipway_n=$((slipway_n - 1))
    done
    [ "$slipway_delay" -le "$slipway_pause" ] || slipway_delay=$slipway_pause
    printf '%s\n' "$slipway_delay"
}

# What a person can do about a transfer that failed for good. $1: curl's status; $2: the URL.
slipway_fetch_remedy() {
    case $1 in
        5 | 6) echo 'Check the name in the URL, and that DHCP gives a name server; an address works without one.' ;;
        7 | 28) echo "Check that the server runs and that this machine may reach it: $2" ;;
        22 | 68) echo "Check that the server has this file: $2" ;;
        23) echo 'This machine has too little memory for the image: give it more, or set rd.tmpfs.size=.' ;;
        35 | 51 | 60 | 77) echo 'Check the certificate and this machine'\''s clock; rd.noverifyssl skips the check.' ;;
        *) echo "Check the server and the network: $2" ;;
    esac
}

# Decides after a failed try. $1: the try; $2: curl's status; $3: the URL; $4: bytes that are kept for the next try.
# Pauses and succeeds if there is to be another; fails, with the reason recorded, if not.
slipway_try_again() {
    slipway_reason=$(slipway_curl_error "$2")
    if [ "$2" -eq 23 ] || [ "$1" -ge "$slipway_tries" ]; then
        slipway_say "try $1 of $slipway_tries failed: $slipway_reason"
        slipway_failed "$3: $slipway_reason (after $1 tries)" "$(slipway_fetch_remedy "$2" "$3")"
        return 1
    fi
    slipway_delay=$(slipway_backoff "$1")
    slipway_kept=''
    [ "$4" -gt 0 ] && slipway_kept=", $(slipway_size "$4") are kept"
    slipway_say "try $1 of $slipway_tries failed: $slipway_reason; next try in $slipway_delay s$slipway_kept"
    sleep "$slipway_delay"
}

# Downloads a file, resuming where a transfer broke. $1: URL; $2: where to.
slipway_fetch() {
    slipway_try=1
    slipway_have=0
    : > "$2"
    : > "$slipway_work/validator"
    while :; do
        slipway_transfer "$1" "$slipway_have" >> "$2" && return 0
        [ "$slipway_have" -eq 0 ] && slipway_keep_validator
        slipway_before=$slipway_have
        slipway_have=$(stat -c %s "$2")
        case "$slipway_status $1" in
            # The server has no ranges, or another version by now; TFTP cannot begin in the middle.
            33\ * | *\ tftp:*)
                : > "$2"
                slipway_have=0
                ;;
        esac
        # As long as the file grows, broken transfers do not use up the tries: its size is bound enough.
        [ $((slipway_have - slipway_before)) -ge 1048576 ] && slipway_try=1
        slipway_try_again "$slipway_try" "$slipway_status" "$1" "$slipway_have" || return 1
        slipway_try=$((slipway_try + 1))
    done
}
