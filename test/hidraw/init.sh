#!/bin/sh
# The first program of the virtual machine. The host's root comes in read-only over 9p, under a tmpfs that takes what is
# written: node, the project and its dist/ are where they are on the host. The folder `share` alone is written through.
set -e
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p overlay uhid hid-generic usbhid dummy_hcd usb_f_hid; do modprobe "$module"; done

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
mount -t tmpfs over /over
mkdir /over/upper /over/work
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work root /root
for folder in dev proc sys; do mount --move "/$folder" "/root/$folder"; done
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs shm /root/dev/shm
mount -t configfs configfs /root/sys/kernel/config
mount -t tmpfs run /root/run
mkdir /root/run/share
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 share /root/run/share
cp /bin/busybox /root/run/busybox

ip link set lo up
exec switch_root /root /bin/sh -c '
  sh /run/share/run.sh || echo "the scenarios ended with $?"
  /run/busybox poweroff -f'
