#!/bin/sh
# The `hearth` command: runs the CLI on a Node that can, from wherever it is called.
set -eu
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in
    /*) self=$link ;;
    *) self=$(dirname "$self")/$link ;;
  esac
done
home=$(cd "$(dirname "$self")/.." && pwd)
here=$(pwd)
cd "$home"
. scripts/node.sh
hearth_install
hearth_find_node
case $NODE in
  node) ;;
  *) NODE=$home/$NODE ;;
esac
[ -f dist/cli/main.mjs ] || "$NODE" scripts/build.ts cli >&2
cd "$here"
exec "$NODE" "$home/dist/cli/main.mjs" "$@"
