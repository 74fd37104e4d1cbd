package block

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMounts(t *testing.T) {
	ms, err := Mounts(root(t, "proc/self/mountinfo", `30 24 8:1 / /boot ro,nosuid,relatime shared:8 - vfat /dev/sda1 rw,fmask=0077,iocharset=a\040b
31 24 8:1 /EFI /efi rw - vfat /dev/sda1 rw
`))
	if err != nil || len(ms) != 2 {
		t.Fatal(ms, err)
	}
	if m := ms[0]; m.DevNo != "8:1" || m.Point != "/boot" || m.FSType != "vfat" ||
		!slices.Equal(m.Options, []string{"ro", "nosuid", "relatime", "fmask=0077", "iocharset=a b"}) {
		t.Errorf("%+v", m)
	}
}

func TestLayers(t *testing.T) {
	ms, err := Mounts(root(t, "proc/self/mountinfo", `36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
37 35 0:28 / /nix/store rw - overlay overlay rw,lowerdir=/a\:b:/c\054d,lowerdir+=/e,upperdir=/u
38 35 0:29 / /x rw - tmpfs  rw
`))
	if err != nil || len(ms) != 3 {
		t.Fatal(err, ms)
	}
	if ms[0].DevNo != "98:0" || ms[0].Point != "/mnt 2" || ms[0].FSType != "ext3" || ms[0].source != "/dev/root" {
		t.Errorf("%+v", ms[0])
	}
	if got := ms[1].layers(); !slices.Equal(got, []string{"/a:b", "/c,d", "/e", "/u"}) {
		t.Errorf("%q", got)
	}
}

func TestBelow(t *testing.T) {
	ms := []Mount{{Point: "/", source: "hidden"}, {Point: "/", source: "root"}, {Point: "/iso"}, {Point: "/nix/.ro-store"}, {Point: "/isolated"}}
	for path, want := range map[string][]string{
		"/iso/nix-store.squashfs":           {"/iso"},
		"/iso":                              {"/iso"},
		"/isolation":                        {"/"},
		"/mnt-root/nix/.ro-store":           {"/", "/nix/.ro-store"},
		"/sysroot/iso/store (deleted)":      {"/", "/iso"},
		"(unreachable)/iso/store":           {"/iso"},
		"/home/image":                       {"/"},
		"relative":                          nil,
		"":                                  nil,
		"/var/lib/machines/nix/.ro-store/x": {"/", "/nix/.ro-store"},
	} {
		var got []string
		for _, m := range below(ms, path) {
			got = append(got, m.Point)
			if m.Point == "/" && m.source != "root" {
				t.Errorf("%s: found the hidden mount", path)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

func TestBetterID(t *testing.T) {
	ids := []string{
		"wwn-0x5000", "scsi-35000", "ata-MODEL_SERIAL", "nvme-eui.0025", "nvme-MODEL_SERIAL_1", "nvme-MODEL_SERIAL",
		"lvm-pv-uuid", "usb-X", "virtio-X", "scsi-SATA_MODEL_SERIAL", "dm-name-x",
	}
	slices.SortFunc(ids, betterID)
	want := []string{
		"usb-X", "virtio-X", "dm-name-x", "ata-MODEL_SERIAL", "nvme-MODEL_SERIAL", "nvme-MODEL_SERIAL_1", "scsi-SATA_MODEL_SERIAL",
		"scsi-35000", "wwn-0x5000", "lvm-pv-uuid", "nvme-eui.0025",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("%q", ids)
	}
}

func root(t *testing.T, file, content string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
