#!/bin/sh
# npm start: installs if needed, builds what is stale, runs the platform.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh
hearth_install
hearth_find_node
"$NODE" scripts/build.ts >&2
exec "$NODE" dist/server/main.mjs "$@"
