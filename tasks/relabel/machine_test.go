package relabel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

// machine is a made-up running host: the answers of lsblk, the kernel and the disk.
type machine struct {
	lsblk, mounts, swaps, fstab string
	slaves                      map[string]string // of mappers
	names                       []string          // of the partitions, in the table
}

const (
	esp  = gpt.TypeESP
	data = "0fc63daf-8483-4772-8e79-3d69d8477de4"

	rootMount = "24 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n"
	luksMount = "24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/mapper/crypt rw\n"
	bootMount = "30 24 259:1 / /boot rw,nosuid,relatime shared:8 - vfat /dev/nvme0n1p1 rw,fmask=0077,errors=remount-ro\n"
	header    = "Filename Type Size Used Priority\n"
)

// dev is a device as lsblk prints it.
func dev(name, number, kind, fsType, label, partType, partLabel string, children ...string) string {
	path := "/dev/" + name
	kname := name
	if kind == "crypt" {
		path, kname = "/dev/mapper/"+name, "dm-"+number[strings.Index(number, ":")+1:]
	}
	return fmt.Sprintf(`{"name":%q,"kname":%q,"path":%q,"maj:min":%q,"type":%q,"size":1073741824,"log-sec":512,"phy-sec":512,`+
		`"ro":false,"rm":false,"pttype":"gpt","ptuuid":"x","fstype":%q,"label":%q,"parttype":%q,"partlabel":%q,"mountpoints":[null],"children":[%s]}`,
		name, kname, path, number, kind, fsType, label, partType, partLabel, strings.Join(children, ","))
}

// plain is a host with swap whose configuration refers to the old labels.
func plain() machine {
	return machine{
		lsblk: dev("nvme0n1", "259:0", "disk", "", "", "", "",
			dev("nvme0n1p1", "259:1", "part", "vfat", "OLD-EFI", esp, "old esp"),
			dev("nvme0n1p2", "259:2", "part", "ext4", "OLD-ROOT", data, ""),
			dev("nvme0n1p3", "259:3", "part", "swap", "", gpt.TypeSwap, "T-SWAP")),
		mounts: rootMount + bootMount,
		swaps:  header + "/dev/nvme0n1p3 partition 1048572 8 5\n",
		fstab:  "/dev/disk/by-label/OLD-ROOT / ext4 defaults 0 1\n/dev/disk/by-uuid/1234-ABCD /boot vfat defaults 0 2\n",
		names:  []string{"old esp", "", "T-SWAP"},
	}
}

// encrypted is a host with LUKS and randomly encrypted swap.
func encrypted() machine {
	return machine{
		lsblk: dev("nvme0n1", "259:0", "disk", "", "", "", "",
			dev("nvme0n1p1", "259:1", "part", "vfat", "T-EFI", esp, "T-EFI"),
			dev("nvme0n1p2", "259:2", "part", "crypto_LUKS", "old", data, "",
				dev("crypt", "254:0", "crypt", "ext4", "", "", "")),
			dev("nvme0n1p3", "259:3", "part", "", "", gpt.TypeSwap, "",
				dev("swap", "254:1", "crypt", "swap", "", "", ""))),
		mounts: luksMount + bootMount,
		swaps:  header + "/dev/dm-1 partition 1048572 0 -2\n",
		slaves: map[string]string{"dm-0": "nvme0n1p2", "dm-1": "nvme0n1p3"},
		names:  []string{"T-EFI", "", ""},
	}
}

// fake is a System that prints the machine's lsblk.
func (m machine) fake(t *testing.T) (*sys.Fake, string) {
	t.Helper()
	fake := sys.NewFake(t)
	fake.Expect(block.Lsblk.Argv...).Prints(m.json())
	return fake, m.lay(t)
}

func (m machine) json() string { return `{"blockdevices":[` + m.lsblk + `]}` }

// lay puts the machine into a folder that stands for the root. The disk is an image
// with a real table.
func (m machine) lay(t *testing.T) string {
	t.Helper()
	fs := t.TempDir()
	tree, err := block.ParseLsblk([]byte(m.json()))
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range tree {
		for _, d := range top.Below() {
			write(t, fs, "dev/"+d.Name, "")
			write(t, fs, "sys/class/block/"+d.Name+"/dev", d.DevNo)
			if d.Type == block.TypePart {
				write(t, fs, "sys/class/block/"+d.Name+"/partition", d.Name[len(d.Name)-1:])
			}
		}
	}
	for name, slave := range m.slaves {
		write(t, fs, "sys/class/block/"+name+"/slaves/"+slave, "")
	}
	write(t, fs, "proc/self/mountinfo", m.mounts)
	write(t, fs, "proc/swaps", m.swaps)
	write(t, fs, "proc/meminfo", "MemTotal:  4000000 kB\nMemFree:  100 kB\nMemAvailable:  2097152 kB\n")
	if m.fstab != "" {
		write(t, fs, "etc/static/fstab", m.fstab)
		if err := os.Symlink("/etc/static/fstab", filepath.Join(fs, "etc/fstab")); err != nil {
			t.Fatal(err)
		}
	}
	disk := filepath.Join(fs, "dev/nvme0n1")
	if m.names != nil {
		table(t, disk, m.names)
	}
	return fs
}

// table writes a partition table with these names.
func table(t *testing.T, disk string, names []string) {
	t.Helper()
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 16<<20); err != nil {
		t.Fatal(err)
	}
	script := "label: gpt\n"
	for _, name := range names {
		script += fmt.Sprintf("size=2MiB, name=%q\n", name)
	}
	tool(t, script, "sfdisk", "--quiet", disk)
}

// tool runs a real tool.
func tool(t *testing.T, stdin, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is needed: ./bootstrap installs it", name)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func write(t *testing.T, fs, name, content string) {
	t.Helper()
	path := filepath.Join(fs, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// probed expects a call of blkid.
func probed(f *sys.Fake, device, kind, version, label string) {
	out := "ID_FS_VERSION=" + version + "\n"
	if label != "" {
		out += "ID_FS_LABEL=x\nID_FS_LABEL_ENC=" + label + "\n"
	}
	f.Expect("blkid", "--probe", "--output", "udev", device).Prints(out + "ID_FS_TYPE=" + kind + "\n")
}

var (
	plainFind = Find{At: "/", Labels: hosts.Labels{EFI: "T-EFI", Root: "T-ROOT", Swap: "T-SWAP"}, Mapper: "cryptroot"}
	luksFind  = Find{At: "/", Labels: hosts.Labels{EFI: "T-EFI", Root: "T-ROOT", LUKS: "T-LUKS", Swap: "T-SWAP"}, Mapper: "crypt"}
)
