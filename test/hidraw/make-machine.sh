#!/bin/sh
# Makes the virtual machine of `npm run test:hidraw` in .hidraw/: Debian's stock kernel, an initrd with a static busybox
# and the modules it takes, and udev. All come as packages from Debian and are unpacked, not installed. Made once for each
# version of the kernel. Needs Debian's apt-get and dpkg-deb, kmod and cpio; root is not needed.
set -eu
export PATH="$PATH:/usr/sbin:/sbin"
here=$(dirname "$(realpath "$0")")
kernel=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
[ -n "$kernel" ] || { echo "apt knows no linux-image-amd64: run apt-get update as root first" >&2; exit 1; }
mkdir -p "$here/../../.hidraw"
cd "$here/../../.hidraw"

if [ ! -e "$kernel/made-by" ] || ! cat "$here/make-machine.sh" "$here/init.sh" | cmp -s - "$kernel/made-by"; then
  rm -rf "$kernel" unpacked initrd packages
  mkdir -p "$kernel" packages
  (cd packages && apt-get download -qq -o APT::Sandbox::User=root "$kernel" busybox-static udev)
  for package in packages/*.deb; do dpkg-deb -x "$package" unpacked; done
  release=$(ls unpacked/lib/modules)
  depmod -b unpacked "$release"

  mkdir -p initrd/bin initrd/dev initrd/proc initrd/sys initrd/host initrd/over initrd/root "initrd/lib/modules/$release"
  cp unpacked/bin/busybox initrd/bin/busybox
  ln -s busybox initrd/bin/sh
  install -m 755 "$here/init.sh" initrd/init
  for module in $(sed -n 's/^for module in \([^;]*\);.*/\1/p' "$here/init.sh"); do
    modprobe -d unpacked -S "$release" --show-depends "$module"
  done >unpacked/loads
  for file in $(awk '$1 == "insmod" { print $2 }' unpacked/loads | sort -u); do
    install -D -m 644 "$file" "initrd/lib/modules/${file##*/lib/modules/}"
  done
  cp "unpacked/lib/modules/$release"/modules.order "unpacked/lib/modules/$release"/modules.builtin* "initrd/lib/modules/$release/"
  depmod -b initrd "$release"
  (cd initrd && find . | cpio -o -H newc -R 0:0 --quiet | gzip) >"$kernel/initrd.gz"

  cp "unpacked/boot/vmlinuz-$release" "$kernel/vmlinuz"
  cp -r unpacked/lib/udev "$kernel/udev"
  cp unpacked/bin/udevadm "$kernel/udev/udevadm"
  rm -rf unpacked initrd packages
  cat "$here/make-machine.sh" "$here/init.sh" >"$kernel/made-by"
fi
ln -sfn "$kernel" machine
