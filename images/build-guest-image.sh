#!/usr/bin/env bash
# build-guest-image.sh - builds a small cloud guest image out of Debian 12 packages only.
#
#   build-guest-image.sh [-o OUTDIR] [-v VERSION] [--no-curl] [--with-qga] [--root-mb N]
#
# Result in OUTDIR (default ./guest-image):
#   minios-VERSION-x86_64.qcow2      bootable disk (GPT: p1 ext4 root, p15 ESP; BIOS and UEFI)
#   minios-VERSION-x86_64-kernel     aki   (Linux bzImage)
#   minios-VERSION-x86_64-ramdisk    ari   (gzip'ed initramfs)
#   minios-VERSION-x86_64-rootfs.img ami   (bare ext4, no partition table; sparse)
#   minios-VERSION-x86_64-rootfs.qcow2     the same as compressed qcow2
#   MANIFEST                         versions, sizes, sha256
#
# Nothing is mounted; run it as root so that the file owners in the root fs come out as root.
set -euo pipefail

OUT=./guest-image; VER=0.1; WITH_CURL=1; WITH_QGA=0; ROOT_MB=
while [ $# -gt 0 ]; do case "$1" in
  -o) OUT=$2; shift 2;; -v) VER=$2; shift 2;;
  --no-curl) WITH_CURL=0; shift;; --with-qga) WITH_QGA=1; shift;;
  --root-mb) ROOT_MB=$2; shift 2;;
  *) sed -n '2,20p' "$0"; exit 2;; esac; done
HERE=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd)
WORK=${WORK:-$(mktemp -d "${TMPDIR:-/tmp}/guestimg.XXXXXX")}; mkdir -p "$WORK"
[ -n "${KEEP_WORK:-}" ] || trap 'rm -rf "$WORK"' EXIT
NAME=minios-$VER-x86_64
step() { printf '[%3ds] %s\n' "$SECONDS" "$*" >&2; }

# ---------------------------------------------------------------- tools
need=()
for t in busybox:busybox-static dropbear:dropbear-bin sfdisk:fdisk mkfs.ext4:e2fsprogs \
         mcopy:mtools mkfs.vfat:dosfstools syslinux:syslinux qemu-img:qemu-utils cpio:cpio gcc:gcc strip:binutils \
         depmod:kmod; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${t%%:*}" >/dev/null || need+=("${t#*:}")
done
export PATH=$PATH:/usr/sbin:/sbin
[ -e /usr/lib/syslinux/mbr/gptmbr.bin ] || need+=(syslinux-common)
[ -e /usr/lib/systemd/boot/efi/systemd-bootx64.efi ] || need+=(systemd-boot-efi)
[ -e /usr/lib/x86_64-linux-gnu/libc.so ] || need+=(libc6-dev)
file -L "$(command -v busybox)" 2>/dev/null | grep -q 'dynamically' && need+=(busybox-static) || true
[ $WITH_CURL = 1 ] && ! command -v curl >/dev/null && need+=(curl)
if [ ${#need[@]} -gt 0 ]; then
  step "apt-get install ${need[*]}"
  export DEBIAN_FRONTEND=noninteractive
  inst() { apt-get -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends install "${need[@]}" >/dev/null; }
  inst || { apt-get -qq update; inst; }
fi

# ---------------------------------------------------------------- kernel package (unpacked, not installed)
cd "$WORK"
if [ -z "${KERNEL_DEB:-}" ]; then
  dep() { apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/{print $2; exit}'; }
  KPKG=$(dep || true); [ -n "$KPKG" ] || { apt-get -qq update; KPKG=$(dep); }
  step "download $KPKG"
  apt-get -qq download "$KPKG" 2>/dev/null || { apt-get -qq update; apt-get -qq download "$KPKG"; }
  KERNEL_DEB=$(ls "$WORK"/linux-image-*.deb)
fi
dpkg-deb -x "$KERNEL_DEB" k
KVER=$(ls k/lib/modules); KMOD=k/lib/modules/$KVER
step "kernel $KVER"

# ---------------------------------------------------------------- module selection
depmod -b "$WORK/k" "$KVER" 2>/dev/null
# modules with their dependencies, in load order
mods() { local m f
  for m in "$@"; do
    modprobe -d "$WORK/k" -S "$KVER" --show-depends "$m" 2>/dev/null | awk '$1=="insmod"{print $2}' || true
  done | awk '!s[$0]++'; }
FAST_MODS="virtio_pci virtio_blk"                               # loaded first; the rest only when no root disk shows up
BOOT_MODS="$FAST_MODS virtio_scsi sd_mod ata_piix ata_generic"
ROOT_MODS="$BOOT_MODS sr_mod isofs virtio_net virtio_rng virtio_balloon loop vfat nls_cp437 nls_ascii nls_iso8859-1 evdev button virtio_console virtio_input virtio_pmem
  overlay squashfs 8021q vxlan bridge veth dummy tun xfs 9p 9pnet_virtio fuse virtiofs
  dm_crypt nf_tables nft_chain_nat nft_masq nft_ct ip_tables iptable_nat iptable_filter xt_MASQUERADE xt_conntrack
  vmw_vsock_virtio_transport sch_htb sch_tbf sch_netem nbd watchdog i6300esb pvpanic pvpanic_pci vmxnet3 vmw_pvscsi nvme"

# copies an ELF and the libraries that it needs into a tree
copy_elf() { local dst=$1 src=$2 rel=$3 l; install -D -m755 "$src" "$dst/$rel"; strip -s "$dst/$rel" 2>/dev/null || true
  for l in $(ldd "$src" 2>/dev/null | grep -oE '/[^ ]+\.so[^ ]*'); do
    case $l in /lib64/ld-linux*) install -D -m755 "$l" "$dst$l";;
      *) [ -e "$dst/lib/x86_64-linux-gnu/$(basename "$l")" ] || install -D -m644 "$l" "$dst/lib/x86_64-linux-gnu/$(basename "$l")";; esac
  done; }
# applet links
applets() { local dst=$1 a; for a in $("$BB" --list); do case $a in busybox|dpkg|dpkg-deb|rpm|rpm2cpio|ubirename|init) ;;
    *) [ -e "$dst/bin/$a" ] || ln -s busybox "$dst/bin/$a";; esac; done; }
BB=$(command -v busybox)

# ---------------------------------------------------------------- initramfs
step "initramfs"
I=$WORK/i; mkdir -p $I/{bin,dev,proc,sys,newroot,lib/modules,etc,run}
install -m755 "$BB" $I/bin/busybox; applets $I
copy_elf $I /sbin/sfdisk bin/sfdisk
# a module's signature costs an RSA check at each load (dear under TCG): strip -g drops it
mods $FAST_MODS | while read -r f; do basename "$f"; done > $I/lib/modules/order1
mods $BOOT_MODS | while read -r f; do install -m644 "$f" "$I/lib/modules/$(basename "$f")"; strip -g "$I/lib/modules/$(basename "$f")"; basename "$f"; done > $I/lib/modules/order2
install -m755 "$HERE/files/initramfs-init" $I/init
mkdir -p $I/lib64
( cd $I && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet --reproducible ) | gzip -9n > "$WORK/ramdisk"

# ---------------------------------------------------------------- root fs
step "root fs"
R=$WORK/r; mkdir -p $R/{bin,sbin,boot,dev,proc,sys,run,tmp,mnt,root,home,etc,lib,lib64,usr/bin,usr/sbin,var/{lib,log,run,tmp},media}
rmdir $R/var/run; ln -s ../run $R/var/run; chmod 1777 $R/tmp $R/var/tmp; chmod 700 $R/root
install -m755 "$BB" $R/bin/busybox; applets $R
ln -sf ../bin/busybox $R/sbin/init
# commands that scripts call by an absolute path
for a in sh ip ifconfig route mount umount reboot poweroff halt blkid modprobe insmod lsmod sysctl udhcpc mkfs.vfat losetup; do
  [ -e $R/sbin/$a ] || ln -s ../bin/busybox $R/sbin/$a; done
for a in env awk id wget nc test tail head tee sed logger; do ln -s ../../bin/busybox $R/usr/bin/$a; done
cp -a "$HERE/files/rootfs/." $R/
chown -R 0:0 $R 2>/dev/null || true
echo "minios $VER" > $R/etc/minios-version
ln -sf /proc/mounts $R/etc/mtab
cat > $R/etc/os-release <<E
NAME="minios"
ID=minios
VERSION_ID=$VER
PRETTY_NAME="minios $VER (Debian $(cat /etc/debian_version) parts, Linux $KVER)"
E
copy_elf $R /usr/sbin/dropbear usr/sbin/dropbear
for b in dropbearkey dbclient; do copy_elf $R "$(command -v $b)" usr/bin/$b; done; ln -s dbclient $R/usr/bin/ssh
copy_elf $R /usr/sbin/resize2fs usr/sbin/resize2fs
copy_elf $R /usr/sbin/mke2fs usr/sbin/mke2fs; for n in ext2 ext3 ext4; do ln -s mke2fs $R/usr/sbin/mkfs.$n; done
copy_elf $R /usr/sbin/e2fsck usr/sbin/e2fsck; for n in ext2 ext3 ext4; do ln -s e2fsck $R/usr/sbin/fsck.$n; done
copy_elf $R /usr/sbin/blkid usr/sbin/blkid; rm -f $R/bin/blkid $R/sbin/blkid; ln -s ../usr/sbin/blkid $R/sbin/blkid
copy_elf $R /bin/lsblk usr/bin/lsblk; copy_elf $R /usr/sbin/sfdisk usr/sbin/sfdisk
for n in /lib/x86_64-linux-gnu/libnss_{files,dns}.so.2 /lib/x86_64-linux-gnu/libresolv.so.2; do [ -e $n ] && install -D -m644 $n $R$n; done
[ -e $R/etc/mke2fs.conf ] || cp /etc/mke2fs.conf $R/etc/
if [ $WITH_CURL = 1 ]; then copy_elf $R "$(readlink -f /usr/bin/curl)" usr/bin/curl; fi
if [ $WITH_QGA = 1 ]; then
  ( cd $WORK && mkdir -p qga && apt-get -qq download qemu-guest-agent libglib2.0-0 liburing2 libudev1 libpcre2-8-0 2>/dev/null; for d in qemu-guest-agent_*.deb libglib2.0-0_*.deb liburing2_*.deb libudev1_*.deb libpcre2-8-0_*.deb; do [ -e $d ] && dpkg-deb -x $d qga; done )
  install -D -m755 $WORK/qga/usr/sbin/qemu-ga $R/usr/sbin/qemu-ga
  for l in $(LD_LIBRARY_PATH=$WORK/qga/usr/lib/x86_64-linux-gnu:$WORK/qga/lib/x86_64-linux-gnu ldd $WORK/qga/usr/sbin/qemu-ga | grep -oE '/[^ ]+\.so[^ ]*'); do
    case $l in */ld-linux*) ;; *) [ -e $R/lib/x86_64-linux-gnu/$(basename $l) ] || install -m644 $l $R/lib/x86_64-linux-gnu/$(basename $l);; esac; done
fi
# sudo without a password for the default user (no PAM): a tiny setuid helper
gcc -Os -s -o $R/usr/bin/sudo "$HERE/files/minisudo.c"; chmod 4755 $R/usr/bin/sudo
# modules
mods $ROOT_MODS | while read -r f; do install -D -m644 "$f" "$R/lib/modules/$KVER/${f#*/lib/modules/$KVER/}"; strip -g "$R/lib/modules/$KVER/${f#*/lib/modules/$KVER/}"; done
cp $KMOD/modules.builtin $KMOD/modules.order $R/lib/modules/$KVER/ 2>/dev/null || true
depmod -b $R "$KVER" 2>/dev/null; rm -f $R/lib/modules/$KVER/modules.{symbols,symbols.bin,builtin.bin,devname,softdep,dep.bin,alias.bin,builtin.alias.bin}
mkdir -p $R/usr/share/udhcpc; chmod 755 $R/usr/share/udhcpc/default.script $R/etc/init.d/* $R/usr/bin/* $R/usr/sbin/* 2>/dev/null || true
# busybox is setuid for ping, su, passwd; it drops root for every other applet, sh included (its shell runs its own
# applets first, so wrapper scripts of the same name would not be reached)
chmod 4755 $R/bin/busybox $R/usr/bin/sudo; chmod 600 $R/etc/shadow
mkdir -p $R/home/cirros; chown -R 1000:1000 $R/home/cirros

# ---------------------------------------------------------------- images
step "images"
UUID=$(cat /proc/sys/kernel/random/uuid)
[ -n "$ROOT_MB" ] || { ROOT_MB=$(( $(du -sm --apparent-size $R | cut -f1) * 5 / 4 )); [ $ROOT_MB -ge 48 ] || ROOT_MB=48; }
rm -f root.ext4; truncate -s ${ROOT_MB}M root.ext4
# resize_inode lets the running guest grow the fs on line; no metadata_csum_seed/orphan_file: old kernels can mount it
mke2fs -q -F -t ext4 -L minios-rootfs -U "$UUID" -m 0 -b 4096 -J size=4 -E resize=104857600,lazy_itable_init=1,nodiscard \
  -O ^metadata_csum -N 8192 -d $R root.ext4
# ESP (FAT16): kernel, ramdisk, syslinux (BIOS), systemd-boot (UEFI)
KSZ=$(stat -c %s k/boot/vmlinuz-$KVER); RSZ=$(stat -c %s ramdisk)
ESP_KB=$(( (KSZ + RSZ) / 1024 + 1800 )); ESP_KB=$(( (ESP_KB / 1024 + 1) * 1024 ))
ESP_START=2048; ESP_SECT=$((ESP_KB * 2)); ROOT_START=$(( (ESP_START + ESP_SECT + 2047) / 2048 * 2048 ))
# half of the boot time without hardware virtualization: no address randomisation, no CPU mitigations, no self-tests, and no
# waiting for grace periods
FAST="mitigations=off nokaslr no_timer_check tsc=reliable rcupdate.rcu_expedited=1 audit=0 lsm=capability init_on_alloc=0 nowatchdog 8250.nr_uarts=1
 random.trust_cpu=on cryptomgr.notests initcall_blacklist=crypto_kdf108_init,init_kprobe_trace"
APPEND="root=LABEL=minios-rootfs ro quiet console=tty1 console=ttyS0,115200 net.ifnames=0 $(echo $FAST)"
rm -f esp.img; truncate -s ${ESP_KB}K esp.img; mkfs.vfat -F 16 -n ESP esp.img >/dev/null
cat > syslinux.cfg <<E
SERIAL 0 115200
DEFAULT minios
PROMPT 0
TIMEOUT 0
LABEL minios
  KERNEL /vmlinuz
  INITRD /initrd.img
  APPEND $APPEND
E
mkdir -p ldr; printf 'timeout 0\ndefault minios\neditor 0\n' > ldr/loader.conf
printf 'title minios\nlinux /vmlinuz\ninitrd /initrd.img\noptions %s\n' "$APPEND" > ldr/minios.conf
export MTOOLS_SKIP_CHECK=1
mmd -i esp.img ::/EFI ::/EFI/BOOT ::/loader ::/loader/entries
mcopy -i esp.img k/boot/vmlinuz-$KVER ::/vmlinuz; mcopy -i esp.img ramdisk ::/initrd.img; mcopy -i esp.img syslinux.cfg ::/syslinux.cfg
mcopy -i esp.img /usr/lib/systemd/boot/efi/systemd-bootx64.efi ::/EFI/BOOT/BOOTX64.EFI
mcopy -i esp.img ldr/loader.conf ::/loader/loader.conf; mcopy -i esp.img ldr/minios.conf ::/loader/entries/minios.conf
# whole disk
DISK_MB=$(( ROOT_START / 2048 + ROOT_MB + 2 ))
rm -f disk.raw; truncate -s ${DISK_MB}M disk.raw
sfdisk -q disk.raw <<E
label: gpt
15 : start=$ESP_START, size=$ESP_SECT, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=ESP, attrs=LegacyBIOSBootable
1 : start=$ROOT_START, size=$((ROOT_MB * 2048)), type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=rootfs
E
# the FAT's "hidden sectors" field must hold the partition's start, or the BIOS boot record loads garbage
printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $((ESP_START & 255)) $((ESP_START >> 8 & 255)) $((ESP_START >> 16 & 255)) $((ESP_START >> 24 & 255)))" | dd of=esp.img bs=1 seek=28 conv=notrunc status=none
dd if=esp.img of=disk.raw bs=512 seek=$ESP_START conv=notrunc,sparse status=none
dd if=root.ext4 of=disk.raw bs=512 seek=$ROOT_START conv=notrunc,sparse status=none
dd if=/usr/lib/syslinux/mbr/gptmbr.bin of=disk.raw bs=440 count=1 conv=notrunc status=none
syslinux --install --offset $((ESP_START * 512)) disk.raw

# made under another name and renamed: a running guest may still use an older image of that name
put() { mv -f "$OUT/.new.$1" "$OUT/$NAME$1"; }
qemu-img convert -q -c -f raw -O qcow2 -o compat=1.1 disk.raw "$OUT/.new..qcow2"; put .qcow2
install -m644 k/boot/vmlinuz-$KVER "$OUT/.new.-kernel"; put -kernel
install -m644 ramdisk "$OUT/.new.-ramdisk"; put -ramdisk
cp --sparse=always root.ext4 "$OUT/.new.-rootfs.img"; put -rootfs.img
qemu-img convert -q -c -f raw -O qcow2 root.ext4 "$OUT/.new.-rootfs.qcow2"; put -rootfs.qcow2
{ echo "version: $VER"; echo "kernel: $KVER"; busybox 2>&1 | sed -n 1p; dpkg-query -W busybox-static dropbear-bin libc6
  [ $WITH_CURL = 1 ] && dpkg-query -W curl; cd "$OUT"; sha256sum $NAME*; } > "$OUT/MANIFEST"
step "done"; ls -lsh "$OUT" >&2
