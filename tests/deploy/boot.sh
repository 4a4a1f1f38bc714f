#!/usr/bin/env bash
# Boots a host in namespaces: systemd as process 1, over a copy-on-write view of this host's files, without a network.
#   unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child boot.sh FOLDER SITE_PACKAGES CHECKOUT
# /opt/ondol/.venv there has what SITE_PACKAGES has, and Ondol as it is in CHECKOUT.
set -euo pipefail
folder=$1 packages=$2 checkout=$3
mount --make-rprivate /
mount -t tmpfs -o mode=755 host "$folder"
mkdir "$folder"/{up,work,root,packages,work2}
root=$folder/root
mount -t overlay host -o "lowerdir=/,upperdir=$folder/up,workdir=$folder/work" "$root"

mkdir -p "$root/opt/ondol"
/usr/bin/python3 -m venv --without-pip "$root/opt/ondol/.venv"
venv=$root/opt/ondol/.venv
site=$(echo "$venv"/lib/python3*/site-packages)
mount -t overlay packages -o "lowerdir=$packages,upperdir=$folder/packages,workdir=$folder/work2" "$site"
rm -f "$site"/*checkout.pth
cp -a "$checkout/ondol" "$checkout/localcloud/src/localcloud" "$site"
printf '#!/opt/ondol/.venv/bin/python\nimport sys\nfrom ondol.commands import main\nsys.exit(main())\n' > "$venv/bin/ondol"
chmod 755 "$venv/bin/ondol"

# Nothing of this host is started: no timers, no updates, no other services.
units=$root/etc/systemd/system
for target in sysinit basic; do printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $target > "$units/$target.target"; done
printf '[Unit]\nWants=systemd-journald.service\n' > "$units/try.target"
rm -rf "$units"/*.wants

mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir "$root/run/lock" "$root/old"
ip link set lo up
cd "$root"
pivot_root . old
umount -l /old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=try.target --log-target=journal
