package facts

import (
	"slices"
	"strings"
	"testing"
)

// Roots of other kinds: Compare reports everything together, and its fixes give
// a host that fits.
func TestOtherRoots(t *testing.T) {
	for name, c := range map[string]struct {
		facts *Facts
		bad   []string // beginnings
	}{
		"btrfs with subvolumes": {
			fitting().set("/", "UUID=9", "btrfs", "subvol=root", "compress=zstd").set("/nix", "UUID=9", "btrfs", "subvol=nix").
				set("/home", "UUID=9", "btrfs", "subvol=home").set("/boot", "UUID=7-7", "vfat"),
			[]string{
				`fileSystems."/".device is "UUID=9"`, `fileSystems."/".fsType is "btrfs"`, `fileSystems."/".options has "subvol=root", "compress=zstd"`,
				`fileSystems."/boot".device is "UUID=7-7"`, `fileSystems."/home" is btrfs on "UUID=9"`, `fileSystems."/nix" is btrfs on "UUID=9"`,
			},
		},
		"ZFS": {
			fitting().set("/", "rpool/root", "zfs", "zfsutil").set("/nix", "rpool/nix", "zfs").set("/var/lib", "rpool/var", "zfs").set("/home", "DATA/home", "zfs"),
			[]string{
				`fileSystems."/".fsType is "zfs"`, `fileSystems."/".options has "zfsutil"`, `fileSystems."/nix" is zfs on "rpool/nix"`, `fileSystems."/var/lib" is zfs on "rpool/var"`,
			},
		},
		"tmpfs": {
			fitting().set("/", "none", "tmpfs", "size=2G", "mode=755").set("/nix", "UUID=9", "ext4").set("/persist", "UUID=9", "ext4").set("/etc/nixos", "/persist/etc/nixos", "none", "bind"),
			[]string{
				`fileSystems."/".fsType is "tmpfs"`, `fileSystems."/".options has "size=2G", "mode=755"`, `fileSystems."/nix" is ext4 on "UUID=9"`, `fileSystems."/persist".device is "UUID=9"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(made(), c.facts, there)
			if len(problems(got)) != len(c.bad) {
				t.Errorf("%q", problems(got))
			}
			for i := range min(len(problems(got)), len(c.bad)) {
				if !strings.HasPrefix(problems(got)[i], c.bad[i]) {
					t.Errorf("%q is not %q", problems(got)[i], c.bad[i])
				}
			}
			if !slices.ContainsFunc(fixes(got), func(f string) bool { return strings.Contains(f, "this installer makes one ext4 root and an ESP") }) {
				t.Errorf("%q", fixes(got))
			}
			done := fitting() // what the hint says
			for point, fs := range c.facts.FileSystems {
				if point != "/" && point != "/boot" && !slices.ContainsFunc(problems(got), func(b string) bool { return strings.HasPrefix(b, `fileSystems."`+point+`"`) }) {
					done.FileSystems[point] = fs
				}
			}
			if again := Compare(made(), done, there); len(problems(again)) > 0 {
				t.Errorf("still %q", problems(again))
			}
		})
	}
}
