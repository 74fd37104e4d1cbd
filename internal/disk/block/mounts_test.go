package block

import (
	"slices"
	"testing"
)

func TestParseMounts(t *testing.T) {
	ms, err := parseMounts([]byte(`36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
37 35 0:28 / /nix/store rw - overlay overlay rw,lowerdir=/a\:b:/c\054d,lowerdir+=/e,upperdir=/u
38 35 0:29 / /x rw - tmpfs  rw
`))
	if err != nil || len(ms) != 3 {
		t.Fatal(err, ms)
	}
	if ms[0].devNo != "98:0" || ms[0].point != "/mnt 2" || ms[0].fsType != "ext3" || ms[0].source != "/dev/root" {
		t.Errorf("%+v", ms[0])
	}
	if got := ms[1].layers(); !slices.Equal(got, []string{"/a:b", "/c,d", "/e", "/u"}) {
		t.Errorf("%q", got)
	}
}

func TestParseSwaps(t *testing.T) {
	got := parseSwaps([]byte("Filename Type Size Used Priority\n/dev/sda3   partition 1 0 -2\n/swap\\040file file 1 0 -3\n"))
	if !slices.Equal(got, []string{"/dev/sda3", "/swap file"}) {
		t.Errorf("%q", got)
	}
}

func TestMountsOf(t *testing.T) {
	ms := []mount{{point: "/", source: "hidden"}, {point: "/", source: "root"}, {point: "/iso"}, {point: "/nix/.ro-store"}, {point: "/isolated"}}
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
		for _, m := range mountsOf(ms, path) {
			got = append(got, m.point)
			if m.point == "/" && m.source != "root" {
				t.Errorf("%s: the mount below is not the one that is seen", path)
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
		"nvme-MODEL_SERIAL", "nvme-MODEL_SERIAL_1", "ata-MODEL_SERIAL", "virtio-X", "usb-X", "scsi-SATA_MODEL_SERIAL",
		"wwn-0x5000", "dm-name-x", "lvm-pv-uuid", "nvme-eui.0025", "scsi-35000",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("%q", ids)
	}
}
