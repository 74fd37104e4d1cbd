package bootproof

import (
	"strings"
	"testing"
)

// FuzzGrub reads any grub.cfg: every path of it starts at the file system's root
// and stays below it.
func FuzzGrub(f *testing.F) {
	f.Add("menuentry \"NixOS\" {\n  linux ($drive1)/kernels/k init=/nix/store/x/init\n  initrd ($drive1)//kernels/../i\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		e := grubEntry(text)
		for _, p := range append(e.Initrds, e.Linux) {
			if p != "" && (!strings.HasPrefix(p, "/") || strings.Contains(p+"/", "/../")) {
				t.Errorf("%q leads to %q", text, p)
			}
		}
	})
}
