#!/bin/sh
# enter-initrd.sh FOLDER PROGRAM...: runs a program in a copy of this machine's files that it may change as it likes, and
# then prints which it did, below a line of dashes. FOLDER: an empty one of ours; what changes below it is not told.
# Needs mounts of its own (unshare --mount).

folder=$1
shift
mount -t tmpfs changes "$folder" && mkdir "$folder/upper" "$folder/work" "$folder/root" &&
    mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" initrd "$folder/root" &&
    mount --rbind /proc "$folder/root/proc" && mount --rbind /dev "$folder/root/dev" || exit 99
chroot "$folder/root" "$@"
status=$?
echo ----
cd "$folder/upper" && find . ! -type d ! -path ".$folder-run/*"
exit "$status"
