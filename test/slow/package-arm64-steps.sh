#!/bin/sh
# Runs the server of the Debian package for arm64 by QEMU's user mode: package-arm64-steps.sh ROOT, a system of arm64
# with the package's files. Run by unshare in new namespaces, the user's too: so binfmt_misc, which runs its programs
# as if they were this machine's own, is known in them alone. Each step's output is below its name.
set -eu
cd "$1"
step() { echo "== $1"; }
# Runs a program of the system. Not a function: in the background its process is to be the program's.
run='env -i PATH=/usr/sbin:/usr/bin chroot .'

mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
# F: the interpreter is opened now, and so is found below the root too.
sed 's/^:qemu-aarch64:/:slipway:/; s|:[^:]*:[A-Z]*$|:/usr/bin/qemu-aarch64-static:F|' \
    /usr/lib/binfmt.d/qemu-aarch64.conf > /proc/sys/fs/binfmt_misc/register
mount -t proc proc proc
ip link set lo up

mkdir -p srv/artifacts

step node
$run node --print 'process.arch'
cat > srv/koffi.cjs << 'END'
const koffi = require('/usr/lib/slipway/node_modules/koffi');
console.log(koffi.load('libc.so.6').func('int toupper(int)')(97));
END
$run node /srv/koffi.cjs

step check
head -c 300000 /dev/urandom > srv/artifacts/file
cat > srv/config.yaml << 'END'
server: { address: 127.0.0.1, dhcp: false }
artifacts: /srv/artifacts
state: /srv/slipway.db
nodes: { n1: { mac: '52:54:00:00:00:01', action: local } }
END
$run slipway check --config /srv/config.yaml

step serve
$run slipway serve --config /srv/config.yaml --log json > srv/log 2>&1 &
server=$!
until grep -q '"event":"ready"' srv/log; do
    kill -0 $server || { cat srv/log; exit 1; }
    sleep 0.5
done
curl --silent --show-error --fail http://127.0.0.1:8080/ipxe/52:54:00:00:00:01
curl --silent --show-error --fail http://127.0.0.1:8080/artifacts/file | cmp - srv/artifacts/file && echo 'the same by HTTP'
curl --silent --show-error tftp://127.0.0.1/undionly.kpxe | cmp - usr/lib/ipxe/undionly.kpxe && echo 'the same by TFTP'
$run slipway status --config /srv/config.yaml
kill $server
wait $server && echo 'it ended by itself'
# Node 20 has none of its own: it is of better-sqlite3.
head -c 15 srv/slipway.db
