#!/bin/sh
# /run/slipway-up URL: reports to the boot server that the system is up, and which units failed. Run by the image's own
# shell, with curl, wget (busybox's too) or bash, whichever the image has. Always succeeds: a unit that failed would be
# told of.

LC_ALL=C
url=$1

# Waits until systemd has done all that a boot needs, at most 5 minutes. systemctl's own --wait has no such end, and is
# newer than systemd 239.
wait_until_up() {
    looks=0
    while [ "$looks" -lt 300 ]; do
        case $(systemctl is-system-running 2> /dev/null) in
            initializing | starting) ;;
            *) return 0 ;;
        esac
        looks=$((looks + 1))
        sleep 1
    done
    return 1
}

# What there is to say, for people.
message() {
    text=up
    [ "$1" -eq 0 ] || text='up, though systemd is still starting units after 5 minutes'
    failed=$(systemctl list-units --failed --plain --no-legend --no-pager 2> /dev/null | {
        names='' count=0
        while read -r name _; do
            count=$((count + 1))
            [ "$count" -gt 10 ] || names="$names${names:+, }$name"
        done
        [ "$count" -le 10 ] || names="$names and $((count - 10)) more"
        printf '%s' "$names"
    })
    printf '%s' "$text${failed:+, failed units: $failed}"
}

# A text as a form has it (WHATWG URL section 5.2). What is not printable ASCII becomes ?, which no name of a unit has.
encoded() {
    rest=$1 out=''
    while [ -n "$rest" ]; do
        char=${rest%"${rest#?}"}
        rest=${rest#?}
        case $char in
            [A-Za-z0-9._-]) out=$out$char ;;
            ' ') out=$out+ ;;
            [[:graph:]]) out=$out$(printf '%%%02X' "'$char") ;;
            *) out=$out%3F ;;
        esac
    done
    printf '%s' "$out"
}

has() { command -v "$1" > /dev/null 2>&1; }

# Sends the form $1.
send() {
    if has curl; then
        curl --silent --show-error --fail --max-time 10 --output /dev/null --data "$1" -- "$url"
    elif has wget; then
        # Debian's busybox 1.35 crashes with -T.
        case $(wget --version 2> /dev/null) in
            GNU*) wget -q -T 10 -t 1 -O /dev/null --post-data "$1" "$url" ;;
            *) wget -q -O /dev/null --post-data "$1" "$url" ;;
        esac
    elif has bash; then
        send_by_bash "$1"
    else
        echo 'this system has neither curl nor wget nor bash' >&2
        return 1
    fi
}

# Sends the form $1 over a connection of bash's, which speaks no TLS.
send_by_bash() {
    case $url in http://*) ;; *) return 1 ;; esac
    host=${url#http://}
    path=/${host#*/}
    host=${host%%/*}
    case $host in
        *\]) port=80 ;;
        *:*) port=${host##*:} ;;
        *) port=80 ;;
    esac
    address=${host%":$port"}
    address=${address#\[}
    # shellcheck disable=SC2016 # for bash
    bash -c 'exec 3<> "/dev/tcp/$1/$2" || exit 1
        printf "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n%s" \
            "$4" "$3" application/x-www-form-urlencoded "${#5}" "$5" >&3
        read -r -t 10 -u 3 _ status _ && [[ $status = 2?? ]]' bash "${address%]}" "$port" "$host" "$path" "$1"
}

wait_until_up
text=$(message "$?")
read -r uptime _ < /proc/uptime
form="stage=up&happening=done&uptime=$uptime&message=$(encoded "$text")"
for pause in 2 4 8 16 0; do
    send "$form" && exit 0
    [ "$pause" -eq 0 ] || sleep "$pause"
done
echo 'the boot server could not be told that this system is up' >&2
exit 0
