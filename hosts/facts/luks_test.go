package facts

import (
	"testing"

	"auto-installer/hosts"
)

func TestLUKSAndSwap(t *testing.T) {
	testMismatches(t, map[string]mismatch{
		"LUKS label": {
			facts: func(f *Facts) { f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/X"} },
			host:  `boot.initrd.luks.devices."crypt".device is "/dev/disk/by-partlabel/X"`, makes: "labels.luks makes it /dev/disk/by-partlabel/T-LUKS",
			fix: "by-partlabel/T-LUKS",
		},
		"LUKS UUID": {
			facts: func(f *Facts) { f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-uuid/12"} },
			host:  "by-uuid/12", makes: "by-partlabel/T-LUKS", fix: "by-partlabel/T-LUKS", others: []string{"a UUID is new"},
		},
		"no LUKS": {
			facts: func(f *Facts) { f.LUKSDevices = nil },
			host:  `opens no LUKS device as "crypt"`, makes: "luks.mapperName makes it that", fix: "by-partlabel/T-LUKS",
		},
		"LUKS under another name": {
			facts: func(f *Facts) {
				f.LUKSDevices = map[string]LUKSDevice{"cryptroot": {Device: "/dev/disk/by-partlabel/T-LUKS"}}
				f.set("/", "/dev/mapper/cryptroot", "ext4")
			},
			host: `opens /dev/disk/by-partlabel/T-LUKS as "cryptroot"`, makes: `luks.mapperName makes it "crypt"`, fix: `luks.mapperName = "cryptroot"`,
		},
		"detached header": {
			facts: func(f *Facts) {
				f.LUKSDevices["crypt"] = LUKSDevice{Device: "/dev/disk/by-partlabel/T-LUKS", Header: "/h.img"}
			},
			host: `header is "/h.img"`, makes: "the installer keeps the header", fix: "remove its header",
		},
		"LUKS is not made": {
			plain: true, facts: func(f *Facts) { f.LUKSDevices = map[string]LUKSDevice{"x": {Device: "/dev/disk/by-partlabel/X"}} },
			host: `boot.initrd.luks.devices."x".device is "/dev/disk/by-partlabel/X"`, makes: "luks.enable is false", fix: "luks.enable = true",
		},
		"another LUKS that is nowhere": {
			facts: func(f *Facts) { f.LUKSDevices["data"] = LUKSDevice{Device: "/dev/disk/by-uuid/77"} },
			host:  `boot.initrd.luks.devices."data".device is "/dev/disk/by-uuid/77"`, makes: "the installer does not make it", fix: "attach the disk",
		},
		"swap label": {
			facts: func(f *Facts) { f.SwapDevices[0].Device = "/dev/disk/by-partlabel/SW" },
			host:  `swapDevices.*.device is "/dev/disk/by-partlabel/SW"`, makes: "labels.swap makes it /dev/disk/by-partlabel/T-SWAP", fix: "by-partlabel/T-SWAP",
		},
		"swap UUID": {
			plain: true, facts: func(f *Facts) { f.SwapDevices[0].Device = "/dev/disk/by-uuid/5" },
			host: "by-uuid/5", makes: "by-label/T-SWAP", fix: "by-label/T-SWAP", others: []string{"a UUID is new"},
		},
		"no swap": {
			facts: func(f *Facts) { f.SwapDevices = nil },
			host:  "swapDevices do not use /dev/disk/by-partlabel/T-SWAP", makes: "labels.swap makes", fix: "swap.enable = false",
		},
		"plain swap beside LUKS": {
			facts: func(f *Facts) { f.SwapDevices[0].RandomEncryption = false },
			host:  "without randomEncryption", makes: "the installer leaves it unformatted", fix: "randomEncryption.enable = true",
		},
		"random swap by a label that it erases": {
			plain: true, facts: func(f *Facts) { f.SwapDevices[0].RandomEncryption = true },
			host: `"/dev/disk/by-label/T-SWAP" with randomEncryption`, makes: "labels.swap is the partition's label too", fix: "by-partlabel/T-SWAP",
		},
		"swap is not made": {
			plain: true, made: func(m *hosts.Host) { m.Swap.Enable = false },
			host: `swapDevices has "/dev/disk/by-label/T-SWAP"`, makes: "swap.enable is false", fix: "swap.enable = true",
		},
	})
}
