#!/bin/sh
# npm start: installs if needed, builds what is stale, runs the platform.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh
hearth_install
hearth_find_node
"$NODE" scripts/build.ts >&2
# Measured in docs/performance.md ("What the process is started with"). deploy/Dockerfile and deploy/systemd/hearth.service have the same.
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
export MALLOC_ARENA_MAX
exec "$NODE" --max-semi-space-size=8 --no-parallel-scavenge --memory-reducer-gc-count=1 --v8-pool-size=1 dist/server/main.mjs "$@"
