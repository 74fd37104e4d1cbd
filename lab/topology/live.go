package topology

// live draws the medium of the running system.
func (d *draw) live() {
	root := Mount{Source: "tmpfs", FS: "tmpfs", Point: "/"}
	kinds := []string{"hybrid", "hybrid", "partition", "files", "ventoy", "optical", "debian", "fedora", "in a file", "in memory", "installed", "network"}
	switch kind := pick(d, "live", kinds...); kind {
	case "hybrid": // the image written to a stick: the whole disk and its partition are iso9660
		n := d.stick()
		sign("iso9660", n)
		n.PTType, n.PTUUID, n.Label = "dos", "6f1c9e2a", "nixos-minimal"
		n.Parts = []*Node{{
			Type: "part", Number: 1, Below: []*Node{n}, FSType: "iso9660", Size: gib, Sector: n.Sector, PartUUID: "6f1c9e2a-01", PartType: "0x0",
		}}
		d.nixos(root, Mount{On: []*Node{n}, FS: "iso9660", Point: "/iso"})
	case "partition": // the same, but mounted by its partition
		n := d.stick()
		n.PTType, n.PTUUID = "dos", "6f1c9e2b"
		n.Parts = []*Node{{
			Type: "part", Number: 1, Below: []*Node{n}, FSType: "iso9660", Size: gib, Sector: n.Sector, PartUUID: "6f1c9e2b-01", PartType: "0x0", used: true,
		}}
		d.nixos(root, Mount{On: n.Parts, FS: "iso9660", Point: "/iso"})
	case "files": // copied onto a FAT partition
		d.nixos(root, Mount{On: []*Node{d.fat(d.stick())}, FS: "vfat", Point: "/iso"})
	case "ventoy": // a mapper over a file on the stick's partition
		p := d.fat(d.stick())
		p.FSType, p.Label = "exfat", "Ventoy"
		dm := d.build(&Node{Kind: "dm-", Type: pick(d, "type", "dm", "linear"), Mapper: "ventoy", FSType: "iso9660"}, p)
		d.nixos(root, Mount{On: []*Node{dm}, FS: "iso9660", Point: "/iso"})
	case "optical":
		sr := d.top(&Node{Kind: "sr", Type: "rom", RM: true, RO: true, Size: gib, FSType: "iso9660"})
		d.nixos(root, Mount{On: []*Node{sr}, FS: "iso9660", Point: "/iso"})
	case "debian":
		medium := Mount{On: []*Node{d.fat(d.stick())}, FS: "vfat", Point: "/run/live/medium"}
		d.run(medium)
		loop := d.top(&Node{Kind: "loop", Type: "loop", RO: true, Size: gib, FSType: "squashfs", Backing: "/run/live/medium/live/filesystem.squashfs"})
		d.m.Mounts = append(d.m.Mounts, Mount{On: []*Node{loop}, FS: "squashfs", Point: "/run/live/rootfs/filesystem.squashfs"},
			Mount{Source: "overlay", FS: "overlay", Point: "/", Super: "rw,lowerdir=/run/live/rootfs/filesystem.squashfs/,upperdir=/run/live/overlay/rw,workdir=/run/live/overlay/work"})
	case "fedora": // a snapshot mapper over a loop device
		d.run(Mount{On: []*Node{d.fat(d.stick())}, FS: "vfat", Point: "/run/initramfs/live"})
		loop := d.top(&Node{Kind: "loop", Type: "loop", RO: true, Size: gib, FSType: "ext4", Backing: "/run/initramfs/live/LiveOS/rootfs.img"})
		dm := &Node{Kind: "dm-", Type: "dm", Mapper: "live-rw", Below: []*Node{loop}, Size: gib, Sector: 512, FSType: "ext4"}
		loop.Upon = []*Node{dm}
		d.m.Mounts = append(d.m.Mounts, Mount{On: []*Node{dm}, FS: "ext4", Point: "/"})
	case "in a file": // an image on a partition of a disk
		n := d.disk()
		if len(n.Parts) == 0 {
			n.PTType, n.PTUUID, n.Content = "", "", 0
		}
		d.m.Tops = append(d.m.Tops, n)
		on := append(n.Parts[:len(n.Parts):len(n.Parts)], n)[0]
		sign("ext4", on)
		d.run(Mount{On: []*Node{on}, FS: "ext4", Point: "/findiso"})
		loop := d.top(&Node{Kind: "loop", Type: "loop", RO: true, Size: gib, FSType: "iso9660", Backing: "/findiso/nixos.iso"})
		d.nixos(root, Mount{On: []*Node{loop}, FS: "iso9660", Point: "/iso"})
	case "in memory":
		d.copied()
		d.nixos(root, Mount{Source: "tmpfs", FS: "tmpfs", Point: "/iso"})
	case "installed":
		slots := d.free()
		if len(slots) == 0 {
			break
		}
		on := slots[0]
		if d.chance("encrypted", 2) {
			sign("crypto_LUKS", on)
			on = d.build(&Node{Kind: "dm-", Type: "crypt", Mapper: "root"}, on)
		}
		sign("ext4", on)
		d.run(Mount{On: []*Node{on}, FS: "ext4", Point: "/"})
	case "network":
		d.nixos(root, Mount{Source: "tmpfs", FS: "tmpfs", Point: "/iso"})
	}
	if !d.hasRoot() {
		d.m.Mounts = append([]Mount{root}, d.m.Mounts...)
	}
}

func (d *draw) hasRoot() bool {
	for _, m := range d.m.Mounts {
		if m.Point == "/" {
			return true
		}
	}
	return false
}

// stick is the disk of a live medium. Many sticks are not marked removable.
func (d *draw) stick() *Node {
	n := &Node{
		Kind: "sd", Type: "disk", Body: d.next(), Tran: "usb", Sector: 512, Size: 16 * gib, Model: "Cruzer Blade", Hotplug: true,
		Serial: pick(d, "stick's serial", "4C530001", "", "0123456789AB"), RM: d.chance("stick's removable flag", 2), used: true,
	}
	if d.chance("card", 4) {
		n.Kind, n.Tran, n.Hotplug, n.Card = "mmcblk", "mmc", false, true
	}
	d.m.Tops = append(d.m.Tops, n)
	return n
}

// fat gives a disk a partition with files on it.
func (d *draw) fat(n *Node) *Node {
	d.table(n)
	p := d.partition(n, 1)
	p.FSType, p.Label, p.used = "vfat", "NIXOS", true
	n.Parts = []*Node{p}
	return p
}

// run mounts something that the running system needs.
func (d *draw) run(m Mount) {
	d.mount(m)
	for _, n := range m.On {
		n.forbid(Live)
	}
}

// nixos is its installer: a medium at /iso, and a store that is a squashfs on
// it below an overlay.
func (d *draw) nixos(root, iso Mount) {
	d.m.Mounts = append([]Mount{root}, d.m.Mounts...)
	d.run(iso)
	loop := d.top(&Node{Kind: "loop", Type: "loop", RO: true, Size: gib, FSType: "squashfs", Backing: pick(d, "backing", "/iso/nix-store.squashfs", "/mnt-root/iso/nix-store.squashfs")})
	d.m.Mounts = append(d.m.Mounts, Mount{On: []*Node{loop}, FS: "squashfs", Point: "/nix/.ro-store"},
		Mount{Source: "overlay", FS: "overlay", Point: "/nix/store", Super: "rw,lowerdir=/mnt-root/nix/.ro-store,upperdir=/mnt-root/nix/.rw-store/store,workdir=/mnt-root/nix/.rw-store/work"})
}

// copied is a stick whose contents were copied to memory. Its signature reveals
// it, or the firmware, or nothing.
func (d *draw) copied() {
	n := d.stick()
	switch pick(d, "what tells", "signature", "entry", "nothing") {
	case "signature":
		sign("iso9660", n)
	case "entry":
		d.m.Firmware = &Firmware{started: d.fat(n)}
	case "nothing":
		d.fat(n)
		n.Hidden = true
	}
}
