#!/bin/sh
# Fetches an official release of Nanos, verifies its checksum, builds Nanos's mkfs from the sources of the same release, and puts all of it into one directory,
# which HEARTH_NANOS_HOME then names. x86-64 Linux.
#   scripts/setup_nanos.sh                       the newest release, into /usr/local/lib/nanos
#   scripts/setup_nanos.sh 0.1.54 /opt/nanos     that one, into that directory
# NANOS_SHA256=<digest>          also compares the archive with a digest that you trust: the one beside the release proves only that it came whole.
# NANOS_SOURCE_SHA256=<digest>   the same for the archive of the sources.
# NANOS_MKFS=<file>              takes this mkfs instead of building one; then no compiler is needed.
# NANOS_RELEASES=<url>, NANOS_SOURCES=<url>   other places with the same layout, for example mirrors: https, or http on this machine.
set -eu

releases=${NANOS_RELEASES:-https://storage.googleapis.com/nanos/release}
sources=${NANOS_SOURCES:-https://github.com/nanovms/nanos/archive/refs/tags}
version=${1:-latest}
target=${2:-/usr/local/lib/nanos}

fail() {
  echo "setup_nanos.sh: $*" >&2
  exit 1
}
for place in "$releases" "$sources"; do
  case $place in
    https://* | http://127.0.0.1:* | http://localhost:*) ;;
    *) fail "$place must begin with https://" ;;
  esac
done
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail "unikernels of Hearth need x86-64 Linux, this is $(uname -s) $(uname -m)"
needed="curl sha256sum md5sum tar install"
[ -n "${NANOS_MKFS:-}" ] || needed="$needed make gcc"
for command in $needed; do
  command -v "$command" >/dev/null 2>&1 || fail "$command is missing; install it (apt-get install curl coreutils tar make gcc libc6-dev)"
done
fetch() {
  case $1 in
    https://*) protocols='=https' ;;
    *) protocols='=http' ;;
  esac
  curl --fail --silent --show-error --location --proto "$protocols" --proto-redir "$protocols" --retry 3 --max-time 300 --output "$2" "$1"
}
digest() {
  sha256sum "$1" | cut -d ' ' -f 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
if [ "$version" = latest ]; then
  fetch "$releases/latest.txt" "$work/latest" || fail "$releases cannot be reached"
  version=$(head -n 1 "$work/latest")
fi
echo "$version" | grep -Eq '^[0-9]+\.[0-9]+\.[0-9]+$' || fail "$version is no version such as 0.1.54"

name=nanos-release-linux-$version
echo "Fetching Nanos $version"
fetch "$releases/$version/$name.tar.gz" "$work/release.tar.gz" || fail "there is no $name.tar.gz at $releases"
fetch "$releases/$version/$name.md5" "$work/sum" || fail "there is no checksum of $name.tar.gz"
# MD5 is what the project publishes: enough against a broken download, not against somebody who wants to deceive.
published=$(grep -Eo '^[0-9a-f]{32}' "$work/sum" | head -n 1)
actual=$(md5sum "$work/release.tar.gz" | cut -d ' ' -f 1)
[ "$actual" = "$published" ] || fail "the checksum of $name.tar.gz is $actual, published is ${published:-nothing}; nothing was installed"
release_digest=$(digest "$work/release.tar.gz")
[ "$release_digest" = "${NANOS_SHA256:-$release_digest}" ] || fail "the checksum of $name.tar.gz is $release_digest, not the one that you trust; nothing was installed"
mkdir "$work/release"
tar --extract --gzip --file "$work/release.tar.gz" --directory "$work/release" --no-same-owner
for file in kernel.img boot.img; do
  if [ ! -f "$work/release/$file" ] || [ -L "$work/release/$file" ]; then fail "$name.tar.gz holds no $file"; fi
done

mkfs=${NANOS_MKFS:-}
if [ -z "$mkfs" ]; then
  echo "Fetching its sources and building mkfs"
  fetch "$sources/$version.tar.gz" "$work/source.tar.gz" || fail "there are no sources of $version at $sources; build mkfs yourself (make mkfs) and name it in NANOS_MKFS"
  source_digest=$(digest "$work/source.tar.gz")
  [ "$source_digest" = "${NANOS_SOURCE_SHA256:-$source_digest}" ] || fail "the checksum of the sources is $source_digest, not the one that you trust; nothing was installed"
  mkdir "$work/source"
  tar --extract --gzip --file "$work/source.tar.gz" --directory "$work/source" --strip-components 1 --no-same-owner
  make --directory "$work/source" mkfs >"$work/log" 2>&1 || {
    tail -n 5 "$work/log" >&2
    fail "mkfs could not be built"
  }
  mkfs=$work/source/output/tools/bin/mkfs
fi
[ -x "$mkfs" ] || fail "$mkfs is no program"

mkdir -p "$target"
put() {
  # Under another name first: nobody is to boot half a kernel.
  install -m "$1" "$2" "$target/.$3.new"
  mv "$target/.$3.new" "$target/$3"
}
put 644 "$work/release/kernel.img" kernel.img
put 644 "$work/release/boot.img" boot.img
put 755 "$mkfs" mkfs
echo "$version" >"$work/VERSION"
put 644 "$work/VERSION" VERSION
echo "Installed Nanos $version in $target (sha256 $release_digest). Start the platform with HEARTH_NANOS_HOME=$target"
