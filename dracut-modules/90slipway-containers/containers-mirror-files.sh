#!/bin/sh
# Volumes mirrored with a store: files are fetched, brought and removed.

# Enters the directory of a file, one step after the other. $1: its path in the volume; $2: make, to make directories.
# Fails if a part of it is a link, or no directory.
mirror_enter() {
    local rest="$1" part='' at="$mirror_dir"
    cd -P "$mirror_dir" || return 1
    while [ "$rest" != "${rest#*/}" ]; do
        part=${rest%%/*} rest=${rest#*/} at=$at/$part
        [ ! -L "./$part" ] || return 1
        [ -d "./$part" ] || { [ "$2" = make ] && mkdir "./$part"; } || return 1
        cd -P "./$part" && [ "$PWD" = "$at" ] || return 1
    done
}

# The stamp of a file in the current directory. $1: its name.
mirror_stamp() {
    find "./$1" -maxdepth 0 -type f -printf '%s:%T@:%C@' 2> /dev/null
}

# Runs a command for each line of a file, several at once; what each has for the list goes to $mirror_work/done.
# $1: the file; $2: the command, which gets the line's fields, the fourth with all that is left.
mirror_each() {
    local worker=0
    rm -rf "$mirror_work"/worker.* "$mirror_work/done"
    while [ "$worker" -lt "$mirror_at_once" ]; do
        mirror_worker "$worker" "$2" < "$1" &
        worker=$((worker + 1))
    done
    wait
    while [ "$worker" -gt 0 ]; do
        worker=$((worker - 1))
        [ -e "$mirror_work/worker.$worker/ended" ] ||
            mirror_wrong 'a program ended in the middle of it' 'Look at the kernel log: memory may be short.'
    done
    cat "$mirror_work"/worker.*/done > "$mirror_work/done"
}

# Takes those of the lines that are its own. $1: its number; $2: the command.
mirror_worker() {
    local number=0 failures=0 one='' two='' three='' four=''
    slipway_work=$mirror_work/worker.$1
    mirror_part=$mirror_aside/$1
    mkdir "$slipway_work" && : > "$slipway_work/done"
    while IFS=$mirror_tab read -r one two three four; do
        number=$((number + 1))
        [ $((number % mirror_at_once)) -eq "$1" ] || continue
        if "$2" "$one" "$two" "$three" "$four"; then failures=0; else failures=$((failures + 1)); fi
        # The store is away, or the URLs are too old.
        [ "$failures" -lt 3 ] || break
    done
    : > "$slipway_work/ended"
}

# Removes here what the store no longer has: the paths in $mirror_work/gone.
mirror_remove() (
    while IFS= read -r path; do
        mirror_enter "$path" && rm -f "./${path##*/}"
    done < "$mirror_work/gone"
)

# Of files that changed on both sides, leaves lines for the list of those that are the same all the same: an ETag is the
# MD5 digest where a file came in one piece (Amazon S3 API Reference, Object).
mirror_check() {
    local etag='' path='' stamp=''
    while IFS=$mirror_tab read -r _ etag _ path; do
        stamp=$(mirror_enter "$path" && mirror_stamp "${path##*/}")
        if [ -n "$stamp" ] && [ "$etag" = "\"$(mirror_enter "$path" && md5sum < "./${path##*/}" | cut -c 1-32)\"" ]; then
            printf '%s\t%s\t%s\n' "$etag" "$stamp" "$path"
        else
            slipway_say "volume $mirror_name: a file changed here and in its store; it stays as it is here:" \
                "$(printf %s "$path" | tr -cd '[:print:]')"
        fi
    done
}

mirror_fetch_batch() {
    mirror_each "$mirror_work/batch" mirror_fetch_one
    mirror_commit /dev/null
}

# Fetches a file. $1: its size; $2: its ETag; $3: URL; $4: path. There may be many: few programs run for each.
mirror_fetch_one() {
    local size="$1" etag="$2" url="$3" path="$4" name="${4##*/}" got='' mode='' uid='' gid='' mtime='' found=''
    # curl makes no file for an empty one.
    : > "$mirror_part"
    mirror_curl "$path" "$url" --speed-time "$slipway_stall_timeout" --max-filesize "$((size > 0 ? size : 1))" \
        --output "$mirror_part" --write-out "%{size_download}|$mirror_metadata\n" > "$slipway_work/said" || return 1
    IFS='|' read -r got mode uid gid mtime found < "$slipway_work/said"
    [ "$got" = "$size" ] ||
        mirror_wrong "$path: it changed in the store" 'Wait until the store is no longer written to.' || return 1
    mirror_put_metadata "$mode" "$uid" "$gid" "${mtime%%.*}" && mirror_sync "$mirror_part" &&
        mirror_enter "$path" make && mv -f -T "$mirror_part" "./$name" 2> "$slipway_work/mv.err" ||
        mirror_wrong "$path: it cannot be written here" 'Look for a directory or link of this name, and at the space.' ||
        return 1
    mirror_note "${found:-$etag}" "$(mirror_stamp "$name")" "$path"
}

# What curl tells of an answer's head: metadata as s3fs writes it, and the ETag.
mirror_metadata='%header{x-amz-meta-mode}|%header{x-amz-meta-uid}|%header{x-amz-meta-gid}|%header{x-amz-meta-mtime}|%header{etag}'

# Adds a file to what is for the list. $1: its ETag; $2: its stamp; $3: its path.
mirror_note() {
    local etag="$1"
    # A listing never has one like that, which then counts as another.
    case $etag in *[![:graph:]]*) etag=- ;; esac
    printf '%s\t%s\t%s\n' "$etag" "$2" "$3" >> "$slipway_work/done"
}

# Makes a number of what a store says, $mirror_number. $1: it; $2: the most digits; $3: the number in place of what is none.
mirror_read_number() {
    mirror_number=${1#"${1%%[!0]*}"}
    case $1 in
        '' | *[!0-9]*) mirror_number=$3 ;;
        *) [ "${#mirror_number}" -le "$2" ] || mirror_number=$3 ;;
    esac
    mirror_number=${mirror_number:-0}
}

# Gives the file that arrived its mode, owner, group and time. No setuid bit comes from a store.
mirror_put_metadata() {
    local mode='' owner=''
    mirror_read_number "$1" 5 0
    # st_mode of a regular file, inode(7).
    [ "$((mirror_number >> 12))" -eq 8 ] || mirror_number=33188
    mode=$((mirror_number >> 6 & 7))$((mirror_number >> 3 & 7))$((mirror_number & 7))
    mirror_read_number "$2" 9 0
    owner=$mirror_number
    mirror_read_number "$3" 9 0
    # It is a new file, of root.
    chmod "$mode" "$mirror_part" && { [ "$owner:$mirror_number" = 0:0 ] || chown "$owner:$mirror_number" "$mirror_part"; } ||
        return 1
    mirror_read_number "$4" 11 none
    [ "$mirror_number" = none ] || touch -d "@$mirror_number" "$mirror_part"
}

mirror_put_batch() {
    jq -R -s "$mirror_jq"'{put: (rows | map({path: .[6], size: (.[0] | tonumber), mode: ("0" + (("00" + .[2])[-3:])),
        uid: (.[3] | tonumber), gid: (.[4] | tonumber), mtime: (.[5] | tonumber | floor)}))}' \
        "$mirror_work/batch" > "$mirror_work/wanted"
    mirror_changes || return
    jq -r --rawfile batch "$mirror_work/batch" "$mirror_jq"'
        (reduce ($batch | rows[]) as $row ({}; .[$row[6]] = $row[1])) as $stamps
        | .put[] | select((.url | is_url) and $stamps[.path] != null)
        | [.url, $stamps[.path], .path] + (.headers | to_entries | map("\(.key): \(.value)"
            | select(test("^[a-z0-9-]+: [\u0020-\u007e]*$")))) | join("\t")' \
        "$mirror_work/answer" > "$mirror_work/urls" ||
        mirror_wrong "the server's answer about the store cannot be read" "Look at the server's log." || return
    [ "$(wc -l < "$mirror_work/urls")" -eq "$(wc -l < "$mirror_work/batch")" ] ||
        slipway_say "volume $mirror_name: some files have names that are too long for its store"
    mirror_each "$mirror_work/urls" mirror_put_one
    mirror_commit /dev/null
}

# Asks the server for URLs that change the store, as $mirror_work/wanted says.
mirror_changes() {
    mirror_ask "$mirror_work/answer" --header 'Content-Type: application/json' --data-binary "@$mirror_work/wanted"
}

# Brings a file. $1: URL; $2: its stamp when it was listed; $3: path; $4: headers. One that changes meanwhile stays to be
# brought: there will be another time.
mirror_put_one() {
    local url="$1" stamp="$2" path="$3" headers="$4" name="${3##*/}" etag=''
    mirror_enter "$path" && [ -f "./$name" ] && [ ! -L "./$name" ] || return 0
    set --
    while [ -n "$headers" ]; do
        set -- "$@" --header "${headers%%"$mirror_tab"*}"
        case $headers in *"$mirror_tab"*) headers=${headers#*"$mirror_tab"} ;; *) headers='' ;; esac
    done
    {
        # What was opened must be the file of that name: a container could have put a link in its place meanwhile.
        [ "$(readlink /proc/self/fd/7)" = "$mirror_dir/$path" ] || return 0
        mirror_curl "$path" "$url" --speed-time "$slipway_stall_timeout" --output /dev/null "$@" \
            --write-out '%header{etag}\n' --upload-file /proc/self/fd/7 > "$slipway_work/said" || return 1
    } 7< "./$name" || return 0
    IFS= read -r etag < "$slipway_work/said"
    [ "$(mirror_stamp "$name")" != "$stamp" ] || mirror_note "${etag:--}" "$stamp" "$path"
}

mirror_delete_batch() {
    jq -R -s "$mirror_jq"'{delete: lines}' "$mirror_work/batch" > "$mirror_work/wanted"
    mirror_changes || return
    jq -r --rawfile batch "$mirror_work/batch" "$mirror_jq"'
        (reduce ($batch | lines[]) as $path ({}; .[$path] = true)) as $wanted
        | .delete[] | select((.url | is_url) and $wanted[.path]) | [.url, .path] | join("\t")' \
        "$mirror_work/answer" > "$mirror_work/urls" ||
        mirror_wrong "the server's answer about the store cannot be read" "Look at the server's log." || return
    mirror_each "$mirror_work/urls" mirror_delete_one
    mv "$mirror_work/done" "$mirror_work/deleted"
    : > "$mirror_work/done"
    mirror_commit "$mirror_work/deleted"
}

# Removes a file from the store. $1: URL; $2: path.
mirror_delete_one() {
    mirror_curl "$2" "$1" --speed-time "$slipway_stall_timeout" --request DELETE --output /dev/null || return 1
    printf '%s\n' "$2" >> "$slipway_work/done"
}
