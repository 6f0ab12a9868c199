#!/bin/sh
# npm test: installs if needed, checks, then runs every suite. The last line is the sum of all suites.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh
hearth_install
hearth_find_node
"$NODE" scripts/build.ts
"$NODE" scripts/check.ts
exec "$NODE" scripts/run-vitest.ts unit drivers integration e2e faults "$@"
