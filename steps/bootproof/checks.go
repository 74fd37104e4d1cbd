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

	esp     *fat.FS
	boot    efi.Boot       // the firmware's menu
	byMenu  *efi.Entry     // its entry that starts the new disk
	entry   *bls.Entry     // the loader's default entry
	grub    bool           // entry is from GRUB's menu
	line    string         // the kernel's command line
	devices []block.Device // that are attached

	closers []io.Closer
}

// open finds the system that was installed.
func (p *proof) open() {
	p.toplevel = p.o.Toplevel
	if !p.prebuilt() {
		p.toplevel, _ = os.Readlink(p.o.Toplevel) // an empty one fails the check of init
	}
}

// prebuilt reports whether the system came from the medium.
func (p *proof) prebuilt() bool { return strings.HasPrefix(p.o.Toplevel, "/nix/store/") }

func (p *proof) close() {
	for _, c := range p.closers {
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
func (p *proof) checks() []check {
	o := p.o
	hasESP, hasEntry := func() bool { return p.esp != nil }, func() bool { return p.entry != nil }
	list := []check{
		{name: "the mount of the ESP", hint: "mount nothing else at /boot: see extraPostMountCommands", prove: p.espIsMounted},
		{name: "the ESP itself", hint: hintDisk, prove: p.openESP},
		{name: "the firmware's boot menu", hint: hintLoader, ready: hasESP, prove: p.firmware},
		{name: "the loader", hint: hintLoader, ready: hasESP, prove: p.loader},
		{name: "the boot entries", hint: hintLoader, ready: hasESP, prove: p.menu},
		{name: "kernel and initrd", hint: hintLoader, ready: hasEntry, prove: p.kernel},
		{name: "init", hint: hintLoader, ready: hasEntry, prove: p.init},
		labelCheck(o.ESP, "vfat", o.ESPLabel),
		labelCheck(o.RootFS, "ext4", o.RootLabel),
		{name: "where the system looks for its root", hint: hintLabels, prove: p.mounts},
	}
	if o.LUKS != "" {
		list = append(list, labelCheck(o.LUKS, "crypto_LUKS", o.LUKSLabel), tryKey(o, "passphrase", o.Passphrase))
		if o.RecoveryKey != nil {
			list = append(list, tryKey(o, "recovery key", o.RecoveryKey))
		}
		list = append(list, check{name: "what the initrd opens", hint: hintHost, prove: p.initrdOpens})
	}
	if !o.SkipContents {
		list = append(list, p.contents())
	}
	return list
}

// espIsMounted checks that /boot is the ESP. Into a plain folder of the root a
// boot loader installs without an error.
func (p *proof) espIsMounted(context.Context, sys.System) (string, error) {
	var st [3]unix.Stat_t
	for i, name := range []string{p.o.Root, p.o.Root + "/boot", p.o.ESP} {
		if err := unix.Stat(name, &st[i]); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
	}
	if boot := st[1].Dev; boot == st[0].Dev || boot != st[2].Rdev {
		return "", fmt.Errorf("%s is not mounted at %s/boot", p.o.ESP, p.o.Root)
	}
	return "", nil // later checks prove its contents
}

func (p *proof) openESP(context.Context, sys.System) (string, error) {
	d, err := block.OpenDirect(p.o.ESP)
	if err != nil {
		return "", err
	}
	p.closers = append(p.closers, d)
	p.esp, err = fat.Open(d, d.Size())
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.o.ESP, err)
	}
	return "", nil // later checks prove its contents
}

// tryKey tests a secret on the LUKS header on the disk.
func tryKey(o Options, what string, secret []byte) check {
	c := sys.Cmd{
		Does:  "try the " + what + " on the header",
		Argv:  []string{"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", o.LUKS},
		Stdin: secret, Secret: what,
	}
	return check{
		name: "the " + what, hint: "the LUKS header on the disk does not accept it: start over", runs: []sys.Cmd{c},
		prove: func(ctx context.Context, s sys.System) (string, error) {
			if err := s.Run(ctx, c); err != nil {
				return "", fmt.Errorf("it does not open %s: %w", o.LUKS, err)
			}
			return "the " + what + " opens " + o.LUKS, nil
		},
	}
}

// labelCheck checks what blkid's low-level probe finds on a device.
func labelCheck(device, fs, want string) check {
	c := sys.Cmd{
		Does: "read the signature of " + device,
		Argv: []string{"blkid", "--probe", "--output", "export", device},
	}
	return check{
		name: "the signature of " + device, hint: "something else wrote to the disk: start over", runs: []sys.Cmd{c},
		prove: func(ctx context.Context, s sys.System) (string, error) {
			out, err := s.Output(ctx, c)
			if err != nil {
				return "", err
			}
			seen := map[string]string{}
			for line := range strings.Lines(string(out)) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
				seen[k] = v
			}
			if seen["TYPE"] != fs || seen["LABEL"] != want {
				return "", fmt.Errorf("%s holds %q with label %q, not %s with label %s", device, seen["TYPE"], seen["LABEL"], fs, want)
			}
			return fmt.Sprintf("%s is %s %s", device, fs, want), nil
		},
	}
}
