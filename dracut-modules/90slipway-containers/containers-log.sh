#!/bin/sh
# Output of steps: to the console, and in pieces to the server. A step never waits for the server; of what that does not
# take, the last 16 MiB are kept.
#
# $containers_run/log/NAME has what a step's try has printed (output), its piece on the way (piece), whether the try is
# over (ended) and all of it sent (sent), who sends it (sender), and how many bytes the tries before it had (before): for the
# server, the output of all is one.

# Bytes that are sent at a time, and those that wait at most. The server takes 64 KiB.
log_piece=65536
log_waiting=16777216
# Seconds without output after which an empty piece asks whether the pipeline was cancelled.
log_silence=5

# Asks the server, and prints the status of its answer, whose body goes to $containers_answer if that is set. $@: options
# for curl, and the URL
containers_curl() {
    local proxy=''
    proxy=$(getarg proxy=)
    [ -z "$proxy" ] || set -- --proxy "$proxy" "$@"
    ! getargbool 0 rd.noverifyssl || set -- --insecure "$@"
    curl --silent --max-time 20 --globoff --proto '=http,https' --output "${containers_answer:-/dev/null}" \
        --write-out '%{http_code}' "$@"
}

# Takes the output of a step at standard input: a copy in a file, and lines on the console. $1: the step's name
log_take() {
    # tee writes at once what it reads.
    tee "$containers_run/log/$1/output" | LC_ALL=C sed -u -e 's/[[:cntrl:]]//g' -e "s/^/$1: /" | log_console
}

# Prints lines on all consoles.
log_console() {
    local line=''
    while IFS= read -r line || [ -n "$line" ]; do
        slipway_tell "$line"
    done
}

# Sends a step's output while it comes. Ends when the try is over and all is sent, or the server takes no more. $1: the
# step's name
log_send() {
    local at="$containers_run/log/$1" sent=0 size='' count='' ended='' silent=0 failures=0 before='' file=''
    file=$at/output
    before=$(cat "$at/before" 2> /dev/null || echo 0)
    while :; do
        [ ! -e "$at/ended" ] || ended=1
        size=$(stat -c %s "$file" 2> /dev/null || echo 0)
        count=$((size - sent))
        if [ "$count" -gt "$log_waiting" ]; then
            log_forget "$file" $((size - log_waiting))
            sent=$((size - log_waiting))
            continue
        fi
        [ "$count" -le "$log_piece" ] || count=$log_piece
        if [ "$count" -eq 0 ] && [ "$silent" -lt "$log_silence" ]; then
            [ -z "$ended" ] || break
            silent=$((silent + 1))
            sleep 1
            continue
        fi
        silent=0
        dd if="$file" bs="$log_piece" iflag=skip_bytes,count_bytes skip="$sent" count="$count" status=none \
            > "$at/piece"
        case $(containers_curl --data-binary "@$at/piece" --header 'Content-Type: application/octet-stream' \
            "$containers_base/log?step=$1&offset=$((before + sent))") in
            204)
                sent=$((sent + count))
                failures=0
                log_forget "$file" "$sent"
                ;;
            410)
                : > "$containers_run/cancelled"
                sent=$((sent + count))
                ;;
            413 | 400 | 404) break ;;
            *)
                failures=$((failures + 1))
                # The step is over, and the server stays away.
                [ -z "$ended" ] || [ "$failures" -lt 10 ] || break
                sleep 1
                ;;
        esac
    done
    rm -f "$at/piece"
    : > "$at/sent"
}

# Gives back the memory of what was sent; the file keeps its length. $1: the file; $2: the bytes
log_forget() {
    [ "$2" -eq 0 ] || fallocate --punch-hole --offset 0 --length "$2" "$1" 2> /dev/null
    :
}

# Starts to send. $1: the step's name
log_begin() {
    mkdir -p "$containers_run/log/$1"
    : > "$containers_run/log/$1/output"
    log_send "$1" > /dev/null 2>&1 &
    echo $! > "$containers_run/log/$1/sender"
}

# Waits until the output of a step is sent, for 20 s at most. $1: its name
log_end() {
    local looks=0 at="$containers_run/log/$1" before=''
    : > "$at/ended"
    while [ "$looks" -lt 200 ] && [ ! -e "$at/sent" ]; do
        looks=$((looks + 1))
        sleep 0.1 || break
    done
    [ -e "$at/sent" ] || kill "$(cat "$at/sender")" 2> /dev/null
    before=$(($(cat "$at/before" 2> /dev/null || echo 0) + $(stat -c %s "$at/output")))
    rm -rf "$at" && mkdir "$at" && echo "$before" > "$at/before"
}

# Reports what a step does. $1: its name, empty for the pipeline; $2: begun, done or failed; $3: one sentence; then
# further fields as NAME=TEXT.
log_step() {
    local step="$1" happening="$2" message="$3" field='' tries=0
    shift 3
    for field; do
        set -- "$@" --data-urlencode "$field"
        shift
    done
    while [ "$tries" -lt 5 ]; do
        case $(containers_curl --data-urlencode "step=$step" --data-urlencode "happening=$happening" \
            --data-urlencode "message=$message" "$@" "$containers_base/step") in
            204 | 400 | 404) return 0 ;;
            410)
                : > "$containers_run/cancelled"
                return 0
                ;;
        esac
        tries=$((tries + 1))
        sleep 1
    done
}
