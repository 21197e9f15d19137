#!/bin/sh
# Volumes mirrored with a store: what differs between the two, and the list of what was alike.

# Leaves of lines, whose last field is a path, those that no pattern of the document excludes.
mirror_included() {
    local line='' pattern=''
    # A shell reads byte by byte.
    [ -s "$mirror_work/exclude" ] || { cat && return; }
    set --
    while IFS= read -r pattern; do set -- "$@" "$pattern"; done < "$mirror_work/exclude"
    while IFS= read -r line; do
        for pattern; do
            # shellcheck disable=SC2254  # a pattern it is
            case ${line##*"$mirror_tab"} in $pattern | $pattern/*) continue 2 ;; esac
        done
        printf '%s\n' "$line"
    done
}

# Lists the volume's files: size, stamp, mode, owner, group, time, path. The stamp changes with the file.
mirror_scan() {
    # With a part of them only, the others would count as removed.
    cd -P "$mirror_dir" && find . -ignore_readdir_race -type f ! -path '*[[:cntrl:]]*' \
        -printf '%s\t%s:%T@:%C@\t%m\t%U\t%G\t%T@\t%P\n' > "$mirror_work/here.all" &&
        jq -r '.files | keys_unsorted[]' "$mirror_work/base" > "$mirror_work/known.all" &&
        mirror_included < "$mirror_work/here.all" > "$mirror_work/here" &&
        mirror_included < "$mirror_work/known.all" > "$mirror_work/known" && return
    mirror_wrong 'its files cannot be listed' "Look at the kernel log: memory may be short, or the device has errors."
}

# Says what of the volume never goes to the store.
mirror_say_left_out() {
    local count=''
    count=$(find "$mirror_dir" \( ! -type f ! -type d -o -path '*[[:cntrl:]]*' \) -printf x | wc -c)
    count=$((count + $(wc -l < "$mirror_work/unfit")))
    [ "$count" -eq 0 ] ||
        slipway_say "volume $mirror_name: $count links, special files and files with odd names are left out"
}

# What the jq programs share.
mirror_jq='
    def rows: split("\n") | map(select(. != "") | split("\t"));
    # What can be a path below a directory on both sides. What is no UTF-8 has the mark that jq puts in its place.
    def fits: type == "string" and . != "" and (test("[\u0000-\u001f\u007f\ufffd]") | not) and utf8bytelength <= 1024
        and (split("/") | all(. != "" and . != "." and . != ".."));
    def is_url: type == "string" and test("^https?://[\u0021-\u007e]+$");
    def lines: split("\n") | map(select(. != ""));
'

# Writes the list anew, with what $mirror_work/done has (ETag, stamp and path) and without the paths of $1.
mirror_commit() {
    jq -n --slurpfile base "$mirror_work/base" --rawfile added "$mirror_work/done" --rawfile gone "$1" \
        --arg volume "$mirror_volume" "$mirror_jq"'
        reduce ($added | rows[]) as [$etag, $stamp, $path] ($base[0].files; .[$path] = {$etag, $stamp})
        | delpaths([$gone | lines[] | [.]]) | {$volume, files: .}' > "$mirror_work/base.new" &&
        mv "$mirror_work/base.new" "$mirror_work/base" && cp "$mirror_work/base" "$mirror_list.new" &&
        mirror_sync "$mirror_list.new" && mv "$mirror_list.new" "$mirror_list" && return
    mirror_wrong 'the list of its files cannot be written' 'Look at the space on the cache device.'
}

# Has a file reach the disk before it is renamed. $1: the file.
mirror_sync() {
    [ -z "$mirror_kept" ] || sync "$1"
}

# Runs a command for a file's lines in batches, as long as nothing goes wrong. $1: the file; $2: the command, which
# finds them in $mirror_work/batch.
mirror_batches() {
    local at=1
    while [ ! -e "$mirror_work/why" ]; do
        sed -n "$at,$((at + mirror_batch - 1))p" "$1" > "$mirror_work/batch"
        [ -s "$mirror_work/batch" ] || return 0
        "$2"
        at=$((at + mirror_batch))
    done
}

# What both plans know: the mirror, the list ($was), stamps by path ($here), and files that may be half here ($unsure).
mirror_plan() {
    local program="$1"
    jq -n -r --slurpfile volume "$mirror_work/volume" --slurpfile base "$mirror_work/base" \
        --rawfile scan "$mirror_work/here" --rawfile known "$mirror_work/known" --rawfile pending "$mirror_pending" \
        --rawfile there "$mirror_work/there" "$mirror_jq"'
        $volume[0].mirror as $mirror | $base[0].files as $was
        | (reduce ($scan | rows[]) as $row ({}; .[$row[6]] = $row[1])) as $here
        | (reduce ($pending | lines[]) as $path ({}; .[$path] = true)) as $unsure
        | '"$program" > "$mirror_work/plan" ||
        mirror_wrong 'its files cannot be compared with the store' 'This is a fault of Slipway.'
}

# The lines of the plan for one thing to do, without its name. $1: it.
mirror_planned() {
    sed -n "s/^$1$mirror_tab//p" "$mirror_work/plan"
}

# One round of fetching. Where nothing is ever pushed, the store is right. Where both sides changed a file, what is here
# stays, to be pushed: after a power failure it may be what was being pushed.
mirror_pull_once() {
    mirror_ask "$mirror_work/answer" && mirror_scan || return
    jq -r "$mirror_jq"'.files[] | select((.path | fits) and (.url | is_url) and (.size | type == "number"))
        | (.etag | tostring | gsub("[^\u0021-\u007e]"; "") | .[:200]) as $etag
        | [(.size | tostring), (if $etag == "" then "-" else $etag end), .url, .path] | join("\t")' \
        "$mirror_work/answer" > "$mirror_work/there.all" ||
        mirror_wrong "the server's answer about the store cannot be read" "Look at the server's log." || return
    mirror_included < "$mirror_work/there.all" > "$mirror_work/there"
    # shellcheck disable=SC2016  # jq's variables
    mirror_plan '(reduce ($there | rows[]) as $row ({}; .[$row[3]] = true)) as $is_there
        | ($mirror.push != []) as $ours
        | (($there | rows[]) as [$size, $etag, $url, $path]
            | $was[$path] as $was | $here[$path] as $stamp | ($was.stamp == $stamp) as $untouched
            | (if $unsure[$path] then "fetch"
                elif $was.etag == $etag then
                    if $untouched or ($ours and ($stamp != null or $mirror.remove)) then empty else "fetch" end
                elif $stamp == null or $untouched or ($ours | not) then "fetch"
                else "check" end)
            | [., $size, $etag, $url, $path] | join("\t")),
          ($known | lines[] | select($is_there[.] | not)
            | [if $mirror.remove and $here[.] == $was[.].stamp then "remove" else "forget" end, .] | join("\t"))' || return
    mirror_planned fetch > "$mirror_work/todo"
    mirror_planned remove > "$mirror_work/gone"
    mirror_remove
    mirror_planned forget >> "$mirror_work/gone"
    mirror_planned check | mirror_check > "$mirror_work/done"
    if [ -s "$mirror_work/gone" ] || [ -s "$mirror_work/done" ]; then mirror_commit "$mirror_work/gone" || return; fi
    [ -s "$mirror_work/todo" ] || return
    sed "s/.*$mirror_tab//" "$mirror_work/todo" >> "$mirror_pending"
    mirror_sync "$mirror_pending"
    mirror_batches "$mirror_work/todo" mirror_fetch_batch
    [ ! -e "$mirror_work/why" ] || return
    : > "$mirror_pending"
    slipway_say "volume $mirror_name: $(wc -l < "$mirror_work/todo") files have come from its store"
}

# One round of bringing: what is new or changed first, and what is gone last.
mirror_push_once() {
    : > "$mirror_work/there"
    mirror_scan || return
    # shellcheck disable=SC2016  # jq's variables
    mirror_plan '(($scan | rows[]) as $row | $row[6] as $path | $row[1] as $stamp
            | if $path | fits | not then "unfit\t-"
                elif $unsure[$path] or $was[$path].stamp == $stamp then empty
                else ["put"] + $row | join("\t") end),
          (if $mirror.remove then $known | lines[] | select($here[.] == null and ($unsure[.] | not)) | "delete\t\(.)"
            else empty end)' || return
    mirror_planned put > "$mirror_work/todo"
    mirror_planned delete > "$mirror_work/gone"
    mirror_planned unfit > "$mirror_work/unfit"
    mirror_batches "$mirror_work/todo" mirror_put_batch
    mirror_batches "$mirror_work/gone" mirror_delete_batch
    [ ! -e "$mirror_work/why" ] || return
    mirror_say_left_out
    if [ -s "$mirror_work/todo" ] || [ -s "$mirror_work/gone" ]; then
        slipway_say "volume $mirror_name: $(wc -l < "$mirror_work/todo") files went to its store," \
            "$(wc -l < "$mirror_work/gone") were removed there"
    fi
}
