#!/bin/sh
# Compiles the server and its dashboard into a folder of their own, and has `dist` lead there. A server that runs stays
# with the folder that it was started from: it loads workers and templates from there while it runs. The documentation
# comes along if "make docs" has built it.
set -eu
cd "$(dirname "$0")/.."

# Folders that stay, for servers that still run from them.
keep=5

new=$(mktemp -d .dist-XXXXXX)
trap 'rm -rf "$new" "$new.link"' EXIT
chmod 755 "$new"
node_modules/.bin/tsc -p tsconfig.build.json --outDir "$new"
mkdir -p "$new/ipxe-templates"
cp src/ipxe-templates/*.njk "$new/ipxe-templates/"
chmod +x "$new/cli.js"
# Also where the caller has said otherwise, as tests do: vite would put the parts for debugging in.
NODE_ENV=production node_modules/.bin/vite build --config dashboard/vite.config.ts --outDir "$PWD/$new/dashboard" \
    --logLevel warn
[ ! -d site/dist ] || cp -r site/dist "$new/docs"
[ ! -L dist ] || ! diff -r "$new" dist > /dev/null 2>&1 || exit 0
# Before this script there was a plain folder.
[ -L dist ] || [ ! -e dist ] || mv dist "$new.before"
ln -s "$new" "$new.link"
mv -T "$new.link" dist
trap - EXIT
# shellcheck disable=SC2012 # mktemp's names are plain
ls -dt .dist-* | tail -n "+$((keep + 1))" | xargs rm -rf
