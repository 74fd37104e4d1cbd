package topology

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"auto-installer/internal/disk/block/blocktest"
)

// Lay names all devices as the kernel would if the disks were attached in this
// order, and writes /proc, /sys and /dev below root.
func (m *Machine) Lay(root string) error {
	m.name()
	l := layer{root: root, oldLinux: m.OldLinux}
	for _, dir := range []string{"sys/class/block", "dev/disk/by-id", "dev/mapper"} {
		l.dir(dir)
	}
	for _, n := range m.All() {
		l.node(n)
	}
	for _, n := range m.Disks() {
		for _, id := range n.ids() {
			l.link("dev/disk/by-id/"+id, "../../"+n.Name)
			for _, p := range n.Parts {
				l.link(fmt.Sprintf("dev/disk/by-id/%s-part%d", id, p.Number), "../../"+p.Name)
			}
		}
	}
	l.file("proc/self/mountinfo", m.mountinfo())
	l.file("proc/meminfo", "MemTotal:       16316412 kB\n")
	var swaps strings.Builder
	swaps.WriteString("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	for _, n := range m.Swaps {
		fmt.Fprintf(&swaps, "/dev/%s                               partition\t8388604\t\t0\t\t-2\n", n.Name)
	}
	l.file("proc/swaps", swaps.String())
	for _, pool := range m.Pools {
		l.file("proc/spl/kstat/zfs/"+pool+"/state", "ONLINE\n")
	}
	for i, mount := range m.Mounts {
		if mount.FS == "btrfs" {
			for _, n := range mount.On {
				l.dir(fmt.Sprintf("sys/fs/btrfs/%d/devices/%s", i, n.Name))
			}
		}
	}
	if m.Firmware != nil {
		m.Firmware.lay(&l)
	}
	return l.err
}

// majors are device numbers of the kernel. Here they only need to differ.
var majors = map[string]int{
	"sd": 8, "nvme": 259, "vd": 254, "mmcblk": 179, "dm-": 253, "md": 9, "loop": 7, "sr": 11, "zram": 252, "nbd": 43, "ram": 1,
	"zd": 230, "rbd": 250, "nullb": 251, "fd": 2, "mtdblock": 31, "st": 10, "bcache": 249, "drbd": 147, "unheardof": 248,
}

// name gives every device its kernel name, path and number.
func (m *Machine) name() {
	count := map[string]int{}
	for _, n := range m.All() {
		if n.Type == "part" && n.Kind == "" || n.Beside != nil {
			continue
		}
		i := m.First[n.Kind] + count[n.Kind]
		count[n.Kind]++
		switch n.Kind {
		case "sd", "vd":
			n.Name = n.Kind + letters(i)
		case "nvme":
			n.Name = fmt.Sprintf("nvme%dn1", i)
		default:
			n.Name = fmt.Sprintf("%s%d", n.Kind, i)
		}
		n.Path = "/dev/" + n.Name
		if n.Mapper != "" {
			n.Path = "/dev/mapper/" + n.Mapper
		}
		n.DevNo = fmt.Sprintf("%d:%d", majors[n.Kind], 64*i)
		if n.Seq == 0 {
			m.seq++
			n.Seq = m.seq
		}
		for _, p := range n.Parts {
			p.Name = fmt.Sprintf("%s%d", n.Name, p.Number)
			if n.Kind != "sd" && n.Kind != "vd" {
				p.Name = fmt.Sprintf("%sp%d", n.Name, p.Number)
			}
			p.Path = "/dev/" + p.Name
			p.DevNo = fmt.Sprintf("%d:%d", majors[n.Kind], 64*i+p.Number)
		}
	}
	for i, n := range m.Tops {
		if n.Beside != nil {
			n.Name = n.Beside.Name + n.Suffix
			n.Path = "/dev/" + n.Name
			n.DevNo = fmt.Sprintf("300:%d", i)
		}
	}
}

// virtual reports whether a device has no hardware.
func (n *Node) virtual() bool {
	return slices.Contains([]string{"dm-", "md", "loop", "zram", "nbd", "ram", "zd", "nullb", "bcache", "drbd", "unheardof"}, n.Kind)
}

// letters counts a, b, ... z, aa, ab.
func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + string(rune('a'+i%26))
}

// ids are the links that udev makes for a disk.
func (n *Node) ids() []string {
	var all []string
	clean := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, n.Model)
	if n.Serial != "" {
		bus := map[string]string{"nvme": "nvme", "usb": "usb", "virtio": "virtio", "mmc": "mmc", "fc": "scsi"}[n.Tran]
		if bus == "" {
			bus = "ata"
		}
		all = append(all, fmt.Sprintf("%s-%s_%s", bus, clean, n.Serial))
	}
	if n.WWN != "" {
		all = append(all, "wwn-"+n.WWN)
	}
	return all
}

func (m *Machine) mountinfo() string {
	var b strings.Builder
	for i, mount := range m.Mounts {
		devNo, source := fmt.Sprintf("0:%d", 30+i), mount.Source
		if len(mount.On) > 0 {
			source = mount.On[0].Path
			if mount.FS != "btrfs" {
				devNo = mount.On[0].DevNo
			}
		}
		super := mount.Super
		if super == "" {
			super = "rw"
		}
		fmt.Fprintf(&b, "%d 1 %s / %s rw,relatime shared:%d - %s %s %s\n", 20+i, devNo, mount.Point, i, mount.FS, source, super)
	}
	return b.String()
}

// layer writes files until one cannot be written.
type layer struct {
	root     string
	oldLinux bool
	err      error
}

func (l *layer) node(n *Node) {
	dir := "sys/class/block/" + n.Name
	if n.virtual() {
		home := "devices/virtual/block/" + n.Name
		l.dir("sys/" + home)
		l.link(dir, "../../"+home)
	} else {
		l.dir(dir)
	}
	if n.Number > 0 {
		l.file(dir+"/partition", fmt.Sprintf("%d\n", n.Number))
		l.file(dir+"/start", "2048\n")
	} else if !l.oldLinux {
		l.file(dir+"/diskseq", fmt.Sprintf("%d\n", n.Seq))
	}
	if n.Kind == "mmcblk" && n.Beside == nil {
		l.file(dir+"/device/type", map[bool]string{true: "SD", false: "MMC"}[n.Card]+"\n")
	}
	for _, up := range n.Upon {
		l.dir(dir + "/holders/" + up.Name)
	}
	if n.Kind != "" {
		for _, b := range n.Below {
			l.dir(dir + "/slaves/" + b.Name)
		}
	}
	if n.Backing != "" {
		l.file(dir+"/loop/backing_file", n.Backing+"\n")
	}
	l.content("dev/"+n.Name, n)
	if n.Mapper != "" {
		l.link("dev/mapper/"+n.Mapper, "../"+n.Name)
	}
}

// content makes a device node with one byte that is no signature, behind the
// table if there is one.
func (l *layer) content(name string, n *Node) {
	l.file(name, "")
	if n.Content == 0 || l.err != nil {
		return
	}
	at := int64(0)
	if n.PTType != "" {
		at = 1 << 20
	}
	f, err := os.OpenFile(filepath.Join(l.root, name), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{n.Content}, at)
		err = errors.Join(err, f.Close())
	}
	l.err = err
}

func (l *layer) file(name, content string) {
	if l.err == nil {
		path := filepath.Join(l.root, name)
		if l.err = os.WriteFile(path, []byte(content), 0o644); os.IsNotExist(l.err) {
			l.dir(filepath.Dir(name))
			l.err = os.WriteFile(path, []byte(content), 0o644)
		}
	}
}

func (l *layer) dir(name string) {
	path := filepath.Join(l.root, name)
	err := os.Mkdir(path, 0o755)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		err = os.MkdirAll(path, 0o755)
	}
	if err != nil {
		l.err = err
	}
}

// link replaces a link, as udev does for the newest disk.
func (l *layer) link(name, target string) {
	path := filepath.Join(l.root, name)
	err := os.Symlink(target, path)
	if errors.Is(err, fs.ErrExist) {
		err = errors.Join(os.Remove(path), os.Symlink(target, path))
	}
	if err != nil {
		l.err = err
	}
}

// lay writes the variables, each after 4 bytes of attributes.
func (f *Firmware) lay(l *layer) {
	const global = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	variable := func(name string, data []byte) {
		l.file("sys/firmware/efi/efivars/"+name, "\x06\x00\x00\x00"+string(data))
	}
	le := binary.LittleEndian
	for _, e := range f.Entries {
		data := blocktest.LoadOption(e.Active, e.PartUUID, `\EFI\BOOT\BOOTX64.EFI`, "Linux")
		variable(fmt.Sprintf("Boot%04X", e.Number)+global, data)
	}
	if f.Garbage {
		variable("BootFFF0"+global, []byte{1})
	}
	var order []byte
	for _, n := range f.Order {
		order = le.AppendUint16(order, n)
	}
	variable("BootOrder"+global, order)
	if f.Current != nil {
		variable("BootCurrent"+global, le.AppendUint16(nil, *f.Current))
	}
	if f.Loader != "" {
		var text []byte
		for _, u := range slices.Concat(utf16.Encode([]rune(strings.ToUpper(f.Loader))), []uint16{0}) {
			text = le.AppendUint16(text, u)
		}
		variable("LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", text)
	}
}
