#!/bin/sh
# Fetches an official release of Firecracker, verifies its checksum, and installs firecracker and jailer. x86-64 Linux.
#   scripts/setup_firecracker.sh                          the newest release, into /usr/local/bin
#   scripts/setup_firecracker.sh v1.13.1 /opt/firecracker that one, into that directory
# FIRECRACKER_SHA256=<digest>   also compares the archive with a digest that you trust: the one beside the release proves only that it came whole.
# FIRECRACKER_RELEASES=<url>    another place with the same layout, for example a mirror: https, or http on this machine.
set -eu

releases=${FIRECRACKER_RELEASES:-https://github.com/firecracker-microvm/firecracker/releases}
version=${1:-latest}
target=${2:-/usr/local/bin}

fail() {
  echo "setup_firecracker.sh: $*" >&2
  exit 1
}
case $releases in
  https://*) protocols='=https' ;;
  http://127.0.0.1:* | http://localhost:*) protocols='=http' ;;
  *) fail "FIRECRACKER_RELEASES must begin with https://" ;;
esac
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail "microVMs of Hearth need x86-64 Linux, this is $(uname -s) $(uname -m)"
for command in curl sha256sum tar install; do
  command -v "$command" >/dev/null 2>&1 || fail "$command is missing; install it (apt-get install curl coreutils tar)"
done
fetch() {
  curl --fail --silent --show-error --location --proto "$protocols" --proto-redir "$protocols" --retry 3 --max-time 300 "$@"
}

if [ "$version" = latest ]; then
  # It redirects to …/releases/tag/<version>.
  page=$(fetch --output /dev/null --write-out '%{url_effective}' "$releases/latest") || fail "$releases cannot be reached"
  version=${page##*/}
fi
echo "$version" | grep -Eq '^v[0-9]+\.[0-9]+\.[0-9]+$' || fail "$version is no version such as v1.13.1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
archive=firecracker-$version-x86_64.tgz
echo "Fetching Firecracker $version"
fetch --output "$work/$archive" "$releases/download/$version/$archive" || fail "there is no $archive at $releases"
fetch --output "$work/sum" "$releases/download/$version/$archive.sha256.txt" || fail "there is no checksum of $archive"

actual=$(sha256sum "$work/$archive" | cut -d ' ' -f 1)
published=$(grep -Eo '^[0-9a-f]{64}' "$work/sum" | head -n 1)
[ "$actual" = "$published" ] || fail "the checksum of $archive is $actual, published is ${published:-nothing}; nothing was installed"
[ "$actual" = "${FIRECRACKER_SHA256:-$actual}" ] || fail "the checksum of $archive is $actual, not the one that you trust; nothing was installed"

tar --extract --gzip --file "$work/$archive" --directory "$work" --no-same-owner
for name in firecracker jailer; do
  program=$work/release-$version-x86_64/$name-$version-x86_64
  if [ ! -f "$program" ] || [ -L "$program" ]; then fail "$archive holds no $name"; fi
  chmod 755 "$program"
  "$program" --version | head -n 1 | grep -Fqi "$name $version" || fail "$name of $archive does not say that it is $version"
done
mkdir -p "$target"
for name in firecracker jailer; do
  # Under another name first: a program that runs cannot be overwritten, and nobody is to start half a one.
  install -m 755 "$work/release-$version-x86_64/$name-$version-x86_64" "$target/.$name.new"
  mv "$target/.$name.new" "$target/$name"
done
echo "Installed $target/firecracker and $target/jailer ($version, sha256 $actual)"
[ -c /dev/kvm ] || echo "There is no /dev/kvm here: load kvm_intel or kvm_amd, or switch on nested virtualisation."
