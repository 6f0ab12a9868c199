#!/bin/sh
# Installs the system packages that Hearth uses (Debian, Ubuntu) where it may, and says what is missing where it may not.
#   scripts/setup_env.sh           what the platform needs
#   scripts/setup_env.sh --tests   also what the tests and benchmarks need
set -eu

packages="bubblewrap python3 python3-pip git"
commands="bwrap python3"
if [ "${1:-}" = "--tests" ]; then
  packages="$packages python3-venv chromium wrk strace procps sqlite3 docker.io shellcheck curl jq nftables iproute2 haproxy podman catatonit runc libfaketime qemu-system-x86 erofs-utils busybox-static zstd"
  commands="$commands chromium wrk strace dockerd shellcheck curl jq nft ip haproxy podman runc qemu-system-x86_64 mkfs.erofs busybox"
fi

missing=""
for command in $commands; do
  command -v "$command" >/dev/null 2>&1 || missing="$missing $command"
done
[ -x /usr/bin/python3 ] || missing="$missing /usr/bin/python3"
/usr/bin/python3 -m pip --version >/dev/null 2>&1 || missing="$missing pip"

# Guests of microVMs need a kernel. Where none is installed, one is unpacked aside: installing it would change how the machine boots.
kernel_home=/var/lib/hearth/guest-kernel
if [ "${1:-}" = "--tests" ] && ! find /boot "$kernel_home/boot" -maxdepth 1 -name 'vmlinuz-*' 2>/dev/null | grep -q .; then missing="$missing guest-kernel"; fi

if [ -z "$missing" ]; then
  echo "All system packages are there."
  exit 0
fi
echo "Missing:$missing"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
  echo "Installed: $packages"
  case "$missing" in *guest-kernel*)
    kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
    if [ -n "$kernel" ] && unpacked=$(mktemp -d) && (cd "$unpacked" && apt-get download -qq "$kernel"); then
      mkdir -p "$kernel_home"
      dpkg-deb --extract "$unpacked"/*.deb "$kernel_home"
      rm -rf "$unpacked"
      echo "Unpacked: $kernel below $kernel_home"
    else
      echo "No kernel for microVMs could be had; their tests will be skipped." >&2
    fi
    ;;
  esac
else
  echo "Run as root, or ask an administrator for: apt-get install $packages" >&2
  echo "Without bubblewrap the isolation level \"process\" is off; without python3 Python functions are." >&2
  exit 1
fi
