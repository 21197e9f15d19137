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
# Returns curl's status. Leaves what curl said in $slipway_work/curl.err, the answer's head in $slipway_work/headers.
slipway_transfer() {
    local url="$1" offset="$2" proxy='' curl='' watch='' status=''
    : > "$slipway_work/headers"
    set -- --fail --location --globoff --silent --show-error --max-redirs 10 \
        --proto '=http,https,ftp,tftp' --proto-redir '=http,https' --tftp-blksize 1468 \
        --connect-timeout "$slipway_connect_timeout" --speed-limit 1 --speed-time "$slipway_stall_timeout" \
        --dump-header "$slipway_work/headers" --write-out '%{stderr}slipway-received %{size_download}\n'
    if [ "$offset" -gt 0 ]; then
        set -- "$@" --continue-at "$offset"
        # Without this a file that changed in between would be joined to the piece of the old one.
        [ -s "$slipway_work/validator" ] && set -- "$@" --header "If-Range: $(cat "$slipway_work/validator")"
    fi
    [ -s "$slipway_work/request" ] && set -- "$@" --header "@$slipway_work/request"
    proxy=$(getarg proxy=)
    [ -n "$proxy" ] && set -- "$@" --proxy "$proxy"
    getargbool 0 rd.noverifyssl && set -- "$@" --insecure
    curl "$@" -- "$url" 2> "$slipway_work/curl.err" &
    curl=$!
    slipway_progress "$curl" "$offset" > /dev/null 2>&1 &
    watch=$!
    wait "$curl"
    status=$?
    kill "$watch" 2> /dev/null
    wait "$watch" 2> /dev/null
    return "$status"
}

# Says every few seconds how far a transfer is. $1: curl's process; $2: the bytes that were there before.
slipway_progress() {
    local seconds=0 received='' length=''
    while sleep 1 > /dev/null 2>&1 && kill -0 "$1" 2> /dev/null; do
        seconds=$((seconds + 1))
        [ $((seconds % 5)) -eq 0 ] || continue
        received=$(sed -n 's/^wchar: *//p' "/proc/$1/io" 2> /dev/null)
        length=$(slipway_header content-length)
        if [ $((seconds % 10)) -eq 0 ]; then
            slipway_report root progress "downloading for $seconds s" "seconds=$seconds" \
                ${received:+"bytes=$((received + $2))"} ${length:+"length=$((length + $2))"}
        fi
        if [ -z "$received" ]; then
            slipway_say "still downloading after $seconds s"
        elif [ -n "$length" ]; then
            slipway_say "$(slipway_size $((received + $2))) of $(slipway_size $((length + $2)))"
        else
            slipway_say "$(slipway_size $((received + $2))) so far"
        fi
    done
}

# The value of a header of the last answer. $1: its name
slipway_header() {
    tr -d '\r' 2> /dev/null < "$slipway_work/headers" | sed -n "s/^$1: *//Ip" | tail -n 1
}

# Keeps what identifies the version that is being downloaded, so that it can be resumed: a strong ETag, or the date.
slipway_keep_validator() {
    slipway_header etag | grep -v '^W/' > "$slipway_work/validator" ||
        slipway_header last-modified > "$slipway_work/validator"
}

# What curl said of the last transfer, in one line. $1: its status
slipway_curl_error() {
    grep '^curl: ' "$slipway_work/curl.err" 2> /dev/null | tail -n 1 | grep . || echo "curl ended with status $1"
}

# How many bytes of the file the last transfer brought.
slipway_received() {
    sed -n 's/^slipway-received //p' "$slipway_work/curl.err" 2> /dev/null | tail -n 1 | grep . || echo 0
}

# The pause before the try after this one, in seconds: 1, 2, 4, 8 and so on, or what a busy server asked for.
# $1: the try, from 1.
slipway_backoff() {
    local delay="$((1 << ($1 - 1)))" wanted=''
    [ "$delay" -le "$slipway_pause" ] || delay=$slipway_pause
    # RFC 9110 section 10.2.3; the other form, a date, needs a clock that an initrd may not have.
    wanted=$(slipway_header retry-after)
    case $wanted in
        '' | *[!0-9]* | ???????*) ;;
        *)
            [ "$wanted" -le "$slipway_patience" ] || wanted=$slipway_patience
            [ "$wanted" -le "$delay" ] || delay=$wanted
            ;;
    esac
    printf '%s\n' "$delay"
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

# Decides after a failed try; $slipway_work/try has its number. $1: what was tried; $2: why it failed; $3: what to do if
# that is for good; $4: what else to say of the next try. Pauses and succeeds if there is to be another; fails, with the
# reason recorded, if not.
slipway_try_again() {
    local try='' delay=''
    read -r try < "$slipway_work/try"
    if [ "$try" -ge "$slipway_tries" ]; then
        slipway_say "try $try of $slipway_tries failed: $2"
        slipway_failed "$1: $2 (after $try tries)" "$3"
        return 1
    fi
    delay=$(slipway_backoff "$try")
    slipway_say "try $try of $slipway_tries failed: $2; next try in $delay s${4:-}"
    echo $((try + 1)) > "$slipway_work/try"
    sleep "$delay"
}

# Prints a file, going on where a transfer broke. $1: URL.
# 0: all of it. 1: failed for good, with the reason recorded. 3: to be begun anew, with what was printed thrown away.
slipway_stream() {
    local have=0 got='' status='' why='' remedy='' kept=''
    : > "$slipway_work/validator"
    while :; do
        slipway_transfer "$1" "$have"
        status=$?
        if [ "$status" -eq 0 ]; then
            echo "$((have + $(slipway_received)))" > "$slipway_work/fetch.bytes"
            return 0
        fi
        why=$(slipway_curl_error "$status")
        remedy=$(slipway_fetch_remedy "$status" "$1")
        [ "$have" -gt 0 ] || slipway_keep_validator
        case "$status $1" in
            # Who reads it has all that it may be, or failed: more of it would be read by nobody.
            23\ *)
                slipway_failed "$1: more came than it may have ($why)" "$remedy"
                return 1
                ;;
            # The server has no ranges, or another version by now; TFTP cannot begin in the middle.
            33\ * | *\ tftp:*)
                slipway_try_again "$1" "$why" "$remedy" || return 1
                return 3
                ;;
        esac
        got=0
        # Not what came with an error: that was no part of the file.
        [ "$status" -eq 22 ] || got=$(slipway_received)
        have=$((have + got))
        # As long as the file grows, broken transfers do not use up the tries: its size is bound enough.
        [ "$got" -lt 1048576 ] || echo 1 > "$slipway_work/try"
        [ "$have" -eq 0 ] || kept=", $(slipway_size "$have") are kept"
        slipway_try_again "$1" "$why" "$remedy" "$kept" || return 1
    done
}

# Runs a command with standard input and reads what it leaves of that, so that who sends it is not stopped.
# Returns the command's status.
slipway_drained() {
    local status=''
    ("$@")
    status=$?
    cat > /dev/null
    return "$status"
}

# Runs a command with standard input and leaves the SHA-256 digest of all of that, read by the command or not, as
# sha256sum prints it. $1: the file for it; then the command. Returns the command's status.
slipway_digested() {
    local sum="$1" summing='' status=''
    shift
    rm -f "$sum.fifo"
    mkfifo "$sum.fifo"
    sha256sum < "$sum.fifo" > "$sum" &
    summing=$!
    tee "$sum.fifo" | slipway_drained "$@"
    status=$?
    wait "$summing"
    rm -f "$sum.fifo"
    return "$status"
}

# The bytes of a source, from wherever it is. $1: a URL or a path. What became of them is for slipway_fetched to tell:
# whoever reads the bytes finds faults too, and those are consequences.
slipway_bytes() (
    slipway_record=$slipway_work/fetch
    slipway_remove "$slipway_record"
    if slipway_is_url "$1"; then slipway_stream "$1"; else cat "$1"; fi
    echo $? > "$slipway_work/fetch.status"
)

# What became of the last slipway_bytes. 1: failed, with the reason recorded. 3: to be begun anew.
slipway_fetched() {
    local status=''
    read -r status < "$slipway_work/fetch.status"
    [ "$status" -ne 1 ] || cp "$slipway_work"/fetch/* "$slipway_run/"
    return "$status"
}

# Runs a command that makes something of what it fetches until it is done, each time from the start. $1: a command that
# makes a fresh place for it; then the command, which fails with the reason recorded. Its status says what is next:
#   0, 1  it is done, or failed for good
#   3     what was fetched broke off and cannot be gone on with
#   4     it has to be fetched once more, because of what is in it
#   5     the digest is wrong: once more, for a byte may flip on the way; then the file itself is wrong
# What has come so far could touch nothing but the memory that is now made anew: a file is only kept, and a tree is
# unpacked by slipway_confined.
slipway_repeat() {
    local prepare="$1" repeats=0 mismatches=0
    shift
    echo 1 > "$slipway_work/try"
    while "$prepare" && rm -f "$slipway_run/failure"; do
        "$@" && return 0
        case $?:$mismatches in
            [34]:*) ;;
            5:*)
                slipway_report verify failed "$(cat "$slipway_run/failure")"
                [ "$mismatches" -eq 0 ] || return 1
                mismatches=1
                slipway_say "$(cat "$slipway_run/failure")"
                ;;
            *) return 1 ;;
        esac
        repeats=$((repeats + 1))
        [ "$repeats" -lt "$slipway_tries" ] ||
            slipway_failed "$slipway_source was begun $repeats times and never came to its end" \
                'Look for a server or proxy between that ends long transfers.' || return 1
    done
    return 1
}

# Has a command take the bytes of a source while they arrive, and checks their digest. $1: a command that makes a fresh
# place for them; $2: the source; $3: the digest that the bytes must have, empty for any; then the command that takes
# them, whose status may be 4. Fails with the reason recorded.
slipway_receive() {
    local prepare="$1"
    shift
    slipway_repeat "$prepare" slipway_receive_once "$@"
}

slipway_receive_once() {
    local from="$1" expected="$2" taken='' found=''
    shift 2
    if [ -n "$expected" ]; then
        slipway_bytes "$from" | slipway_digested "$slipway_work/digest" "$@"
    else
        slipway_bytes "$from" | slipway_drained "$@"
    fi
    taken=$?
    slipway_fetched || return
    slipway_report_fetched "$from"
    [ -z "$expected" ] || read -r found _ < "$slipway_work/digest"
    slipway_check_digest "$expected" "$found" "$from" || return
    [ -z "$expected" ] || slipway_report verify 'done' "the SHA-256 digest is $found"
    # A wrong digest in what is as it was announced stays wrong.
    [ "$taken" -ne 5 ] || return 1
    return "$taken"
}

# Reports that a source has come, and leaves the file $slipway_work/fetched. $1: the URL or path
slipway_report_fetched() {
    local bytes=''
    : > "$slipway_work/fetched"
    ! slipway_is_url "$1" || read -r bytes < "$slipway_work/fetch.bytes"
    slipway_report root 'done' "$1 has come" ${bytes:+"bytes=$bytes"}
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
