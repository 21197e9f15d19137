#!/bin/sh
# Downloads: never silent, never for ever. curl does the protocols; what is tried again, and when, is decided here.

# How often a transfer is begun before it counts as failed, and the longest pause between two tries in seconds.
slipway_tries=${slipway_tries:-8}
slipway_pause=${slipway_pause:-16}
# The longest pause in seconds that a server may ask for with Retry-After.
slipway_patience=${slipway_patience:-120}
# curl's limits in seconds: to reach the server, and without a single byte.
slipway_connect_timeout=10
slipway_stall_timeout=20

# One transfer, to standard output; progress every few seconds. $1: URL; $2: the byte to begin at.
# Returns curl's status, and leaves what curl said in $slipway_work/curl.err, the answer's head in $slipway_work/headers.
slipway_transfer() {
    : > "$slipway_work/headers"
    set -- "$1" "$2" --fail --location --globoff --silent --show-error --max-redirs 10 \
        --proto '=http,https,ftp,tftp' --proto-redir '=http,https' \
        --connect-timeout "$slipway_connect_timeout" --speed-limit 1 --speed-time "$slipway_stall_timeout" \
        --tftp-blksize 1468 --dump-header "$slipway_work/headers" --write-out '%{stderr}slipway-received %{size_download}\n'
    if [ "$2" -gt 0 ]; then
        set -- "$@" --continue-at "$2"
        # Without this a file that changed in between would be joined to the piece of the old one.
        [ -s "$slipway_work/validator" ] && set -- "$@" --header "If-Range: $(cat "$slipway_work/validator")"
    fi
    [ -s "$slipway_work/request" ] && set -- "$@" --header "@$slipway_work/request"
    slipway_proxy=$(getarg proxy=)
    [ -n "$slipway_proxy" ] && set -- "$@" --proxy "$slipway_proxy"
    getargbool 0 rd.noverifyssl && set -- "$@" --insecure
    slipway_url=$1
    slipway_offset=$2
    shift 2
    curl "$@" -- "$slipway_url" 2> "$slipway_work/curl.err" &
    slipway_curl=$!
    slipway_progress "$slipway_curl" "$slipway_offset" > /dev/null 2>&1 &
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
    [ -f "$slipway_work/headers" ] || return 0
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
    slipway_said=$(grep '^curl: ' "$slipway_work/curl.err" 2> /dev/null | tail -n 1)
    printf '%s\n' "${slipway_said:-curl ended with status $1}"
}

# How many bytes of the file the last transfer brought.
slipway_received() {
    slipway_count=$(sed -n 's/^slipway-received //p' "$slipway_work/curl.err" 2> /dev/null | tail -n 1)
    printf '%s\n' "${slipway_count:-0}"
}

# The pause before the try after this one, in seconds: 1, 2, 4, 8 and so on, or what a busy server asked for.
# $1: the try, from 1.
slipway_backoff() {
    slipway_delay=1
    slipway_n=$1
    while [ "$slipway_n" -gt 1 ] && [ "$slipway_delay" -lt "$slipway_pause" ]; do
        slipway_delay=$((slipway_delay * 2))
        slipway_n=$((slipway_n - 1))
    done
    [ "$slipway_delay" -le "$slipway_pause" ] || slipway_delay=$slipway_pause
    # RFC 9110 section 10.2.3; the other form, a date, needs a clock that an initrd may not have.
    slipway_wanted=$(slipway_header retry-after)
    case $slipway_wanted in
        '' | *[!0-9]* | ???????*) ;;
        *)
            [ "$slipway_wanted" -le "$slipway_patience" ] || slipway_wanted=$slipway_patience
            [ "$slipway_wanted" -le "$slipway_delay" ] || slipway_delay=$slipway_wanted
            ;;
    esac
    printf '%s\n' "$slipway_delay"
}

# What a person can do about a transfer that failed for good. $1: curl's status; $2: the URL.
slipway_fetch_remedy() {
    case $1 in
        5 | 6) echo 'Check the name in the URL, and that DHCP gives a name server; an address works without one.' ;;
        7 | 28) echo "Check that the server runs and that this machine may reach it: $2" ;;
        22 | 68) echo "Check that the server has this file: $2" ;;
        35 | 51 | 60 | 77) echo 'Check the certificate and this machine'\''s clock; rd.noverifyssl skips the check.' ;;
        *) echo "Check the server and the network: $2" ;;
    esac
}

# Decides after a failed try. $1: curl's status; $2: the URL; $3: bytes that need not be fetched again.
# Pauses and succeeds if there is to be another; fails, with the reason recorded, if not.
slipway_try_again() {
    read -r slipway_try < "$slipway_work/try"
    slipway_reason=$(slipway_curl_error "$1")
    if [ "$slipway_try" -ge "$slipway_tries" ]; then
        slipway_say "try $slipway_try of $slipway_tries failed: $slipway_reason"
        slipway_failed "$2: $slipway_reason (after $slipway_try tries)" "$(slipway_fetch_remedy "$1" "$2")"
        return 1
    fi
    slipway_delay=$(slipway_backoff "$slipway_try")
    slipway_kept=''
    [ "$3" -gt 0 ] && slipway_kept=", $(slipway_size "$3") are kept"
    slipway_say "try $slipway_try of $slipway_tries failed: $slipway_reason; next try in $slipway_delay s$slipway_kept"
    echo $((slipway_try + 1)) > "$slipway_work/try"
    sleep "$slipway_delay"
}

# Prints a file, going on where a transfer broke. $1: URL. The tries are counted in $slipway_work/try.
# 0: all of it. 1: failed for good, with the reason recorded. 3: to be begun anew, with what was printed thrown away.
slipway_stream() {
    slipway_have=0
    : > "$slipway_work/validator"
    while :; do
        slipway_transfer "$1" "$slipway_have" && return 0
        [ "$slipway_have" -eq 0 ] && slipway_keep_validator
        slipway_got=0
        # Not what came with an error: that was no part of the file.
        [ "$slipway_status" -eq 22 ] || slipway_got=$(slipway_received)
        case "$slipway_status $1" in
            # Who reads it has all that it may be, or failed: more of it would be read by nobody.
            23\ *)
                slipway_failed "$1: more came than it may have ($(slipway_curl_error 23))" "$(slipway_fetch_remedy 23 "$1")"
                return 1
                ;;
            # The server has no ranges, or another version by now; TFTP cannot begin in the middle.
            33\ * | *\ tftp:*)
                slipway_try_again "$slipway_status" "$1" 0 || return 1
                return 3
                ;;
        esac
        slipway_have=$((slipway_have + slipway_got))
        # As long as the file grows, broken transfers do not use up the tries: its size is bound enough.
        [ "$slipway_got" -lt 1048576 ] || echo 1 > "$slipway_work/try"
        slipway_try_again "$slipway_status" "$1" "$slipway_have" || return 1
    done
}

# Runs a command with standard input and reads what it leaves of that, so that who sends it is not stopped.
# Returns the command's status.
slipway_drained() (
    ("$@")
    status=$?
    cat > /dev/null
    exit "$status"
)

# Runs a command with standard input and leaves the SHA-256 digest of all of that, read by the command or not, in a file.
# $1: the file; then the command. Returns the command's status.
slipway_digested() (
    # In a subshell, since the command may well be something that calls this again.
    sum=$1
    shift
    rm -f "$sum.fifo"
    mkfifo "$sum.fifo"
    sha256sum < "$sum.fifo" > "$sum" &
    summing=$!
    tee "$sum.fifo" | slipway_drained "$@"
    status=$?
    wait "$summing"
    rm -f "$sum.fifo"
    exit "$status"
)

# The digest that slipway_digested left. $1: the file
slipway_digest() {
    cut -d ' ' -f 1 < "$1"
}

# The bytes of a source, from wherever it is. $1: a URL or a path; the status goes to $slipway_work/fetch.status, the
# reason for a failure to $slipway_work/fetch: whoever reads the bytes finds faults too, and those are consequences.
slipway_bytes() (
    slipway_record=$slipway_work/fetch
    slipway_remove "$slipway_record"
    if slipway_is_url "$1"; then slipway_stream "$1"; else cat "$1"; fi
    echo $? > "$slipway_work/fetch.status"
)

# Has a command take the bytes of a source while they arrive, and checks their digest.
# $1: a command that makes a fresh place for them, called before each try; $2: the source; $3: the digest that the bytes
# must have, empty for any; then the command that takes them. It may end with 4 to have it all begin anew.
# Fails with the reason recorded.
slipway_receive() {
    slipway_prepare=$1 slipway_from=$2 slipway_expected=$3
    shift 3
    slipway_mismatches=0
    echo 1 > "$slipway_work/try"
    while :; do
        "$slipway_prepare" || return 1
        rm -f "$slipway_run/failure"
        if [ -n "$slipway_expected" ]; then
            slipway_bytes "$slipway_from" | slipway_digested "$slipway_work/digest" "$@"
        else
            slipway_bytes "$slipway_from" | slipway_drained "$@"
        fi
        slipway_taken=$?
        case $(cat "$slipway_work/fetch.status") in
            0) ;;
            3) continue ;;
            *)
                cp "$slipway_work"/fetch/* "$slipway_run/"
                return 1
                ;;
        esac
        if [ -n "$slipway_expected" ] &&
            ! slipway_check_digest "$slipway_expected" "$(slipway_digest "$slipway_work/digest")" "$slipway_from"; then
            # Once more, for a byte may flip on the way; then the file itself is wrong. What has come so far could
            # touch nothing but the memory that is now made anew: a file is only kept, and a tree unpacked by
            # slipway_confined.
            slipway_say "$(cat "$slipway_run/failure")"
            [ "$slipway_mismatches" -eq 0 ] || return 1
            slipway_mismatches=1
        elif [ "$slipway_taken" -ne 4 ]; then
            return "$slipway_taken"
        fi
    done
}

# Whether a source that is no URL exists in the initrd.
slipway_is_there() {
    slipway_is_url "$slipway_source" || [ -f "$slipway_source" ] ||
        slipway_failed "the initrd has no $slipway_source" 'Append the file as a further initrd, or give a URL.'
}

# Removes a source that came in the initrd: until the system starts it would only take memory.
slipway_forget_source() {
    slipway_is_url "$slipway_source" || rm -f "$slipway_source"
}
