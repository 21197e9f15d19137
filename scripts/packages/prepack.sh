#!/bin/sh
# Before `npm pack`: a folder `dist` in place of the link, which npm would leave out, and the manual's pages.
set -eu
cd "$(dirname "$0")/../.."
scripts/build.sh
rm -rf man build/share
node_modules/.bin/tsx scripts/packages/write-share.ts build/share
mv build/share/man man
built=$(readlink dist)
rm dist
cp -r "$built" dist
