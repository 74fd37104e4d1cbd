package choice_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/block/blocktest"
	"auto-installer/internal/disk/choice"
	"auto-installer/internal/sys"
)

func TestSticks(t *testing.T) {
	var got strings.Builder
	for _, s := range choice.Sticks(blocktest.Inventory(t, "sticks")) {
		fmt.Fprintf(&got, "%s: %s", s.Name, s.Refused)
		if s.Refused == "" {
			fmt.Fprintf(&got, "%s", strings.Join(append([]string{"holds"}, s.Holds...), " | "))
		}
		if len(s.Mounted) > 0 {
			fmt.Fprintf(&got, " [%s]", strings.Join(s.Mounted, " "))
		}
		got.WriteString("\n")
	}
	const want = `/dev/mmcblk0 (serial 0x1234abcd, 32 GiB, CARD): holds | vfat CAMERA 31 GiB
/dev/sda (Cruzer Blade, serial OLDISO, 14.4 GiB, USB): holds | iso9660 nixos-24.05 | iso9660 nixos-24.05 1.3 GiB | ESP vfat EFIBOOT 3 MiB
/dev/sdb (Ultra Fit, serial MOUNTED, 31 GiB, USB): holds | vfat PHOTOS 16 GiB | ext4 14 GiB [/run/media/ann/PHOTOS/inner /run/media/ann/PHOTOS]
/dev/sdh (External SSD, serial BLANK, 500 GiB, USB): holds
/dev/mmcblk1 (serial 0xdeadbeef, 64 GiB): it is not a stick: neither removable nor on USB (unknown bus)
/dev/nvme0n1 (System, serial NVME, 1000 GiB, NVME): the running system stands on it (/); it is not a stick: neither removable nor on USB (nvme) [/]
/dev/sdc (Flash Disk, serial BOOTSTICK, 8 GiB, USB): the running system stands on it (/boot) [/boot]
/dev/sdd (My Passport, serial LOCKED, 2 TiB, USB): /dev/sdd1 is in use by the open LUKS volume /dev/mapper/backup
/dev/sde (Extreme, serial SWAPPING, 64 GiB, USB): /dev/sde1 is swap in use
/dev/sdf (Card Reader, 0 B, USB): no medium in it (size 0)
/dev/sdg (Locked, serial SWITCH, 4 GiB, USB): it is read-only: look for a switch on it
/dev/sdi (Internal SSD, serial SATA, 500 GiB, SATA): it is not a stick: neither removable nor on USB (sata)
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// The live medium is always refused, however it is recognized.
func TestSticksSpareTheLiveMedium(t *testing.T) {
	for machine, words := range map[string]string{"laptop": "the running system stands on it (/iso", "copytoram": "this session was started from it"} {
		all := choice.Sticks(blocktest.Inventory(t, machine))
		if !slices.ContainsFunc(all, func(s choice.Stick) bool { return strings.Contains(s.Refused, words) }) {
			t.Errorf("%s: nothing says %q: %+v", machine, words, all)
		}
	}
}

func TestChooseStick(t *testing.T) {
	fake, root := blocktest.Machine(t, "sticks")
	inv, err := block.Survey(t.Context(), fake, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		named, chosen, cause, hint string
		reading                    bool
	}{
		{"/dev/sda", "sda", "", "", false},
		{"/dev/disk/by-id/usb-SanDisk_Cruzer_Blade_OLDISO-0:0", "sda", "", "", false},
		{"/dev/disk/by-id/mmc-SD32G_0x1234abcd", "mmcblk0", "", "", false},
		{"/dev/sda1", "", "is partition 1 of /dev/sda (Cruzer Blade", "name the whole disk: /dev/disk/by-id/usb-SanDisk", false},
		{"/dev/nvme0n1p1", "", "is partition 1 of /dev/nvme0n1", "name one of /dev/disk/by-id/mmc-", false},
		{"/dev/nvme0n1", "", "the running system stands on it (/)", "usb-External_SSD_BLANK", false},
		{"/dev/nvme0n1", "nvme0n1", "", "", true},
		{"/dev/sdf", "", "no medium", "name one of", true},
		{"/dev/loop0", "", "a loop device, not a disk", "name one of", false},
		{"/dev/sdz", "", "there is no disk /dev/sdz", "name one of", false},
	} {
		want, err := block.Resolve(root, c.named)
		if err != nil {
			want = c.named
		}
		s, err := choice.ChooseStick(inv, want, c.reading)
		if s.Device.Name != c.chosen {
			t.Errorf("%s: chose %q, %v", c.named, s.Device.Name, err)
		}
		if c.chosen != "" {
			continue
		}
		f, ok := errors.AsType[*sys.Fault](err)
		if !ok || f.Code != sys.CodeDisk || !strings.Contains(f.Cause, c.cause) || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %#v", c.named, err)
		}
	}
}
