#!/bin/sh
# After `npm pack`: `dist` is a link to the build again.
set -eu
cd "$(dirname "$0")/../.."
rm -rf dist man
scripts/build.sh
