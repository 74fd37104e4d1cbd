package facts

import "testing"

func TestRefer(t *testing.T) {
	for device, want := range map[string]Reference{
		"/dev/disk/by-label/A":                {ByLabel, "A"},
		`/dev/disk/by-label/a\x20b`:           {ByLabel, "a b"},
		`LABEL=a\040b`:                        {ByLabel, "a b"},
		`LABEL="A"`:                           {ByLabel, "A"},
		`/dev/disk/by-label/a\zz`:             {ByLabel, `a\zz`},
		"/dev/disk/by-partlabel/A":            {ByPartLabel, "A"},
		"PARTLABEL=A":                         {ByPartLabel, "A"},
		"/dev/disk/by-uuid/A":                 {ByUUID, "A"},
		"UUID=A":                              {ByUUID, "A"},
		"/dev/disk/by-partuuid/A":             {ByPartUUID, "A"},
		"PARTUUID=A":                          {ByPartUUID, "A"},
		"/dev/mapper/A":                       {ByMapper, "A"},
		"/dev/disk/by-id/dm-name-A":           {ByMapper, "A"},
		"/dev/disk/by-id/nvme-A-part2":        {ByOther, "disk/by-id/nvme-A-part2"},
		"/dev/sda2":                           {ByOther, "sda2"},
		"tmpfs":                               {NotDevice, "tmpfs"},
		"/persist/home":                       {NotDevice, "/persist/home"},
		"":                                    {NotDevice, ""},
		"server:/x":                           {NotDevice, "server:/x"},
		"/dev/disk/by-label/":                 {ByLabel, ""},
		`/dev/disk/by-label/` + `a\x2fb\x5cc`: {ByLabel, `a/b\c`},
	} {
		if got := Refer(device); got != want {
			t.Errorf("%q: %q", device, got)
		}
	}
}
