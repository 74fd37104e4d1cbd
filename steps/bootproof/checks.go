package bootproof

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// proof is what the checks have found so far.
type proof struct {
	o        Options
	toplevel string // store path

	esp    *fat.FS
	boot   efi.Boot   // the firmware's menu
	byMenu *efi.Entry // its entry that starts the new disk
	entry  *bls.Entry // the loader's default entry
	grub   bool       // entry is from GRUB's menu
	line   string     // the kernel's command line

	open []io.Closer
}

func newProof(o Options) *proof { return &proof{o: o, toplevel: installed(o)} }

// installed follows the out-link. In a dry run the link may be of an earlier
// install, so Actions shows a placeholder instead.
func installed(o Options) string {
	if isStorePath(o.Toplevel) {
		return o.Toplevel
	}
	to, err := os.Readlink(o.Toplevel)
	if err != nil {
		return ""
	}
	return to
}

func isStorePath(name string) bool { return strings.HasPrefix(name, "/nix/store/") }

func (p *proof) close() {
	for _, c := range p.open {
		_ = c.Close() // open for reading only
	}
}

const (
	hintLoader  = "the boot loader did not install correctly: the log of the previous step says more"
	hintDisk    = "the disk does not return what was written to it: check its cable and its health, and start over, on another disk if it happens again"
	hintForeign = "start over (--start-over): the contents of the disk did not come from this medium"
	hintHost    = "correct the host's configuration"
	hintLabels  = "detach the other disk that carries the label, or give the host labels of its own"
)

// checks are all links of the chain, in boot order.
func (p *proof) checks() []Check {
	o := p.o
	list := []Check{
		{Name: "the mount of the ESP", Hint: "mount nothing else at /boot: see extraPostMountCommands", Prove: p.espIsMounted},
		{Name: "the ESP itself", Hint: hintDisk, Prove: p.openESP},
		{Name: "the firmware's boot menu", Hint: hintLoader, Prove: p.firmware},
		{Name: "the loader", Hint: hintLoader, Prove: p.loader},
		{Name: "the boot entries", Hint: hintLoader, Prove: p.menu},
		{Name: "kernel and initrd", Hint: hintLoader, Prove: p.kernel},
		{Name: "init", Hint: hintLoader, Prove: p.init},
		labelCheck(o.ESP, "vfat", o.ESPLabel),
		labelCheck(o.RootFS, "ext4", o.RootLabel),
		{Name: "where the system looks for its root", Hint: hintLabels, Prove: p.mounts},
	}
	if o.LUKS != "" {
		list = append(list,
			labelCheck(o.LUKS, "crypto_LUKS", o.LUKSLabel),
			try(o, "passphrase", o.Passphrase))
	}
	if o.RecoveryKey != nil {
		list = append(list, try(o, "recovery key", o.RecoveryKey))
	}
	if o.LUKS != "" {
		list = append(list, Check{Name: "what the initrd opens", Hint: hintHost, Prove: p.initrdOpens})
	}
	if !o.SkipContents {
		list = append(list, p.contents())
	}
	return list
}

// espIsMounted checks that /boot is the ESP. Into a plain folder of the root a
// boot loader installs without an error.
func (p *proof) espIsMounted(context.Context, sys.System) (string, error) {
	var boot, parent, dev unix.Stat_t
	for _, f := range []struct {
		name string
		st   *unix.Stat_t
	}{{p.o.Root + "/boot", &boot}, {p.o.Root, &parent}, {p.o.ESP, &dev}} {
		if err := unix.Stat(f.name, f.st); err != nil {
			return "", fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if boot.Dev == parent.Dev || boot.Dev != dev.Rdev {
		return "", fmt.Errorf("%s is not mounted at %s/boot", p.o.ESP, p.o.Root)
	}
	return "", nil // later checks prove its contents
}

func (p *proof) openESP(context.Context, sys.System) (string, error) {
	d, err := block.OpenDirect(p.o.ESP)
	if err != nil {
		return "", err
	}
	p.open = append(p.open, d)
	p.esp, err = fat.Open(d, d.Size())
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.o.ESP, err)
	}
	return "", nil // later checks prove its contents
}

// try tests a secret on the LUKS header on the disk.
func try(o Options, what string, secret []byte) Check {
	c := sys.Cmd{
		Does: "try the " + what + " on the header",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", o.LUKS,
		},
		Stdin: secret, Secret: what,
	}
	return Check{
		Name: "the " + what, Hint: "the LUKS header on the disk does not accept it: start over", Does: []sys.Action{c.Action()},
		Prove: func(ctx context.Context, s sys.System) (string, error) {
			if err := s.Run(ctx, c); err != nil {
				return "", fmt.Errorf("it does not open %s: %w", o.LUKS, err)
			}
			return "the " + what + " opens " + o.LUKS, nil
		},
	}
}

// labelCheck checks what blkid's low-level probe finds on a device.
func labelCheck(device, fs, want string) Check {
	c := sys.Cmd{
		Does: "read the signature of " + device,
		Argv: []string{"blkid", "--probe", "--output", "export", device},
	}
	return Check{
		Name: "the signature of " + device, Hint: "something else wrote to the disk: start over", Does: []sys.Action{c.Action()},
		Prove: func(ctx context.Context, s sys.System) (string, error) {
			out, err := s.Output(ctx, c)
			if err != nil {
				return "", err
			}
			seen := map[string]string{}
			for line := range strings.Lines(string(out)) {
				if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
					seen[k] = v
				}
			}
			if seen["TYPE"] != fs || seen["LABEL"] != want {
				return "", fmt.Errorf("%s holds %q with label %q, not %s with label %s", device, seen["TYPE"], seen["LABEL"], fs, want)
			}
			return fmt.Sprintf("%s is %s %s", device, fs, want), nil
		},
	}
}
