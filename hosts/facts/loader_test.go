package facts

import (
	"testing"

	"auto-installer/hosts"
)

func TestLoaderKeymapAndUser(t *testing.T) {
	testMismatches(t, map[string]mismatch{
		"BIOS GRUB": {
			facts: func(f *Facts) { f.Loader = Loader{Grub: Grub{Enable: true, Devices: []string{"/dev/sda"}}} },
			host:  "efiSupport is false", makes: "a disk for UEFI", fix: "systemd-boot.enable = true",
		},
		"GRUB writes to another disk": {
			facts: func(f *Facts) {
				f.Loader = Loader{Grub: Grub{Enable: true, EFISupport: true, EFIInstallAsRemovable: true, Devices: []string{"/dev/sda"}}}
			},
			host: "boot.loader.grub writes to /dev/sda", makes: "the installer writes to the chosen disk only", fix: `"nodev"`,
		},
		"GRUB that nothing starts": {
			facts: func(f *Facts) { f.Loader = Loader{Grub: Grub{Enable: true, EFISupport: true}} },
			host:  "neither installs itself as removable", makes: "the new disk", fix: "efiInstallAsRemovable = true",
		},
		"Limine writes to another disk": {
			facts: func(f *Facts) { f.Loader = Loader{Limine: true, LimineBIOSDevice: "/dev/sda"} },
			host:  "boot.loader.limine writes to /dev/sda", makes: "the installer writes to the chosen disk only", fix: "biosSupport = false",
		},
		"Limine for BIOS": {
			facts: func(f *Facts) { f.Loader = Loader{Limine: true, LimineEFISupport: new(false)} },
			host:  "efiSupport is false", makes: "a disk for UEFI", fix: "efiSupport = true",
		},
		"uid beside another that is chosen": {
			facts: func(f *Facts) { f.Users["ann"], f.Users["abe"] = User{Normal: true}, User{Normal: true} },
			host:  `users.users."ann".uid is not set, and neither is that of users.users."abe"`, makes: "targetUid makes it 1000", fix: `users.users."ann".uid = 1000`,
		},
		"uid of another": {
			facts: func(f *Facts) { f.Users["ann"], f.Users["abe"] = User{}, User{UID: uid(1000)} },
			host:  `users.users."abe" has 1000`, makes: "targetUid makes it 1000", fix: `users.users."ann".uid = 1000`,
		},
		"uid is chosen, and it is not the first": {
			made: func(m *hosts.Host) { m.TargetUID = 1001 }, facts: func(f *Facts) { f.Users["ann"] = User{Normal: true} },
			host: "NixOS begins with 1000", makes: "targetUid makes it 1001", fix: `users.users."ann".uid = 1001`,
		},
		"extlinux": {
			facts: func(f *Facts) { f.Loader = Loader{Extlinux: true} },
			host:  "generic-extlinux-compatible", makes: "a disk for UEFI", fix: "systemd-boot",
		},
		"no loader": {
			facts: func(f *Facts) { f.Loader = Loader{} },
			host:  "no boot loader", makes: "UEFI firmware starts", fix: "systemd-boot",
		},
		"keymap": {
			facts: func(f *Facts) { f.Keymap = "us" },
			host:  `console.keyMap is "us"`, makes: `keymap makes it "de"`, fix: `keymap = "us"`,
		},
		"no such user": {
			facts: func(f *Facts) { f.Users = map[string]User{"bob": {}} },
			host:  `no users.users."ann"`, makes: "targetUser gives it a home", fix: "targetUser",
		},
		"uid": {
			facts: func(f *Facts) { f.Users["ann"] = User{UID: uid(1001), Home: "/home/ann"} },
			host:  "uid is 1001", makes: "targetUid makes it 1000", fix: "targetUid = 1001",
		},
		"home": {
			facts: func(f *Facts) { f.Users["ann"] = User{Home: "/srv/ann"} },
			host:  `home is "/srv/ann"`, makes: `targetUser makes it "/home/ann"`, fix: "/home/ann",
		},
	})
}
