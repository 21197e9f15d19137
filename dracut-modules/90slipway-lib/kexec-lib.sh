#!/bin/sh
# Starting another kernel in place of this one, and cpio archives for its initramfs.

# Where the kernel says whether it is locked down.
slipway_lockdown=${slipway_lockdown:-/sys/kernel/security/lockdown}

# Loads a kernel. $1: the kernel; $2: its initramfs; $3: its line; $4: what it is, for a message; $5: what to do where it
# cannot be loaded. Fails with the reason recorded.
slipway_kexec_load() {
    local what="$4" remedy="$5" error="$slipway_work/kexec.err"
    ! grep -q '\[\(integrity\|confidentiality\)\]' "$slipway_lockdown" 2> /dev/null ||
        remedy='This kernel is locked down: sign the next one with a key that it trusts, or switch secure boot off.'
    # -s has the kernel check the file's signature where it insists on that; -l works for the rest.
    set -- -l "$1" --initrd="$2" --command-line="$3"
    kexec -s "$@" > "$error" 2>&1 || kexec "$@" >> "$error" 2>&1 ||
        slipway_failed "$what cannot be loaded: $(tail -n 1 "$error")" "$remedy"
}

# Starts the kernel that was loaded. Returns only if that fails, with the reason recorded. $1, $2: as $4 and $5 above
slipway_kexec_start() {
    slipway_await_reports
    kexec -e
    slipway_failed "$1 was loaded and did not start" "$2"
}

# A cpio archive's entry (the "newc" format of initramfs, Linux's
# Documentation/driver-api/early-userspace/buffer-format.rst).
# $1: its name; $2: mode, decimal; $3: size in bytes. Prints header and name, padded.
slipway_cpio() {
    printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\000' \
        0 "$2" 0 0 1 0 "$3" 0 0 0 0 $((${#1} + 1)) 0 "$1"
    slipway_cpio_pad $((110 + ${#1} + 1))
}

# Bytes up to a multiple of four. $1: how many there are
slipway_cpio_pad() {
    head -c $(((4 - $1 % 4) % 4)) /dev/zero
}
