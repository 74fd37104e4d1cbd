// Package bootproof follows what the firmware will start, from the ESP to the
// system's init, and reads it to the end.
package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/steps/internal/efi"
	"auto-installer/steps/internal/sys"
)

// Options says what was installed where.
type Options struct {
	Root      string // the target's mount point
	ESP       string // device of the ESP
	ESPLabel  string
	ESPGUID   string // PARTUUID of the ESP
	Firmware  string // where /sys is, for the firmware's boot menu; empty: not looked at
	RootFS    string // device of the root file system, the mapper if encrypted
	RootLabel string
	// LUKS is the container's partition, empty if there is none. The
	// passphrase is tried on it once more.
	LUKS       string
	LUKSLabel  string
	Passphrase []byte
	// RecoveryKey is tried too, unless it is nil.
	RecoveryKey []byte
}

func probe(device string) sys.Cmd {
	return sys.Cmd{
		Does: "read the signature of " + device,
		Argv: []string{"blkid", "--probe", "--output", "export", device},
	}
}

func try(o Options, what string, secret []byte) sys.Cmd {
	return sys.Cmd{
		Does: "try the " + what + " on the header",
		Argv: []string{
			"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", o.LUKS,
		},
		Stdin: secret, Secret: what,
	}
}

// flush brings everything to the disk, so that what is read back can come from
// there.
func flush(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "write everything out",
		Argv: []string{"sync", "--file-system", o.Root, o.Root + "/boot"},
	}
}

// Actions is what Run will look at.
func Actions(o Options) []sys.Action {
	as := []sys.Action{
		flush(o).Action(),
		{Does: "follow the loader, its default entry, kernel, initrd and init, and read each to the end"},
		probe(o.ESP).Action(),
		probe(o.RootFS).Action(),
	}
	if o.LUKS != "" {
		as = append(as, probe(o.LUKS).Action(), try(o, "passphrase", o.Passphrase).Action())
	}
	if o.RecoveryKey != nil {
		as = append(as, try(o, "recovery key", o.RecoveryKey).Action())
	}
	return as
}

// Run proves the boot chain. Each proven link is a line in the log.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := s.Run(ctx, flush(o)); err != nil {
		return sys.Incomplete(err, "to "+flush(o).Does)
	}
	links := []func() (string, error){
		func() (string, error) { return espIsMounted(o) },
		func() (string, error) { return loader(o) },
		func() (string, error) { return entry(o) },
		func() (string, error) { return label(ctx, s, o.ESP, "vfat", o.ESPLabel) },
		func() (string, error) { return label(ctx, s, o.RootFS, "ext4", o.RootLabel) },
	}
	if o.LUKS != "" {
		links = append(links,
			func() (string, error) { return label(ctx, s, o.LUKS, "crypto_LUKS", o.LUKSLabel) },
			func() (string, error) {
				return "the passphrase opens it", s.Run(ctx, try(o, "passphrase", o.Passphrase))
			})
	}
	if o.RecoveryKey != nil {
		links = append(links, func() (string, error) {
			return "the recovery key opens it", s.Run(ctx, try(o, "recovery key", o.RecoveryKey))
		})
	}
	for _, prove := range links {
		saw, err := prove()
		if err != nil {
			return sys.WithHint(err, sys.CodeBootProof,
				"the machine would not start: see the log, mend the host's configuration and start again",
				"proving the boot chain")
		}
		s.Log("proven: " + saw)
	}
	if o.Firmware != "" {
		firmware(s, o)
	}
	return nil
}

// firmware tells what the firmware will start. It is a warning if that is not
// the new disk: many firmwares keep an order of their own, and the operator can
// choose.
func firmware(s sys.System, o Options) {
	boot, err := efi.Read(o.Firmware)
	if err != nil {
		s.Warn("the firmware's boot menu cannot be read: " + err.Error())
		return
	}
	for _, n := range boot.Order {
		e, ok := boot.Entry(n)
		if !ok || !e.Active || boot.Current != nil && n == *boot.Current {
			continue
		}
		if strings.EqualFold(e.PartUUID, o.ESPGUID) {
			s.Log(fmt.Sprintf("proven: the firmware starts it first (%s, %s)", e.Name(), e.Description))
		} else {
			s.Warn(fmt.Sprintf("the firmware starts %s (%s) first: choose the new disk in its boot menu if that is another", e.Name(), e.Description))
		}
		return
	}
	s.Log("the firmware has no entry of its own; it will look on the disk by itself")
}

// label checks what blkid's low-level probe sees on a device.
func label(ctx context.Context, s sys.System, device, fs, want string) (string, error) {
	out, err := s.Output(ctx, probe(device))
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
}

// espIsMounted makes sure that /boot is the ESP, and not a folder of the root
// that a boot loader was happily installed into.
func espIsMounted(o Options) (string, error) {
	var boot, parent, dev unixStat
	if err := errors.Join(boot.read(o.Root+"/boot"), parent.read(o.Root), dev.read(o.ESP)); err != nil {
		return "", err
	}
	if boot.Dev == parent.Dev || boot.Dev != dev.Rdev {
		return "", fmt.Errorf("%s is not mounted at %s/boot", o.ESP, o.Root)
	}
	return "/boot is " + o.ESP, nil
}

// removable is where firmware looks on a disk that it has no entry for (UEFI
// specification 2.10, table 3.2).
var removable = []string{"EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI"}

func loader(o Options) (string, error) {
	for _, name := range removable {
		file, err := resolve(o.Root, path.Join("/boot", name))
		if err != nil {
			continue
		}
		return name + " is a loader", isPE(file)
	}
	return "", fmt.Errorf("no loader on the ESP at %s", strings.Join(removable, " or "))
}

// isPE checks the signatures of a PE image (Microsoft PE format, "Signature").
func isPE(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var dos [64]byte
	if _, err := io.ReadFull(f, dos[:]); err != nil {
		return fmt.Errorf("%s is cut short: %w", file, err)
	}
	at := int64(dos[60]) | int64(dos[61])<<8 | int64(dos[62])<<16 | int64(dos[63])<<24
	var pe [4]byte
	if _, err := f.ReadAt(pe[:], at); err != nil || string(dos[:2]) != "MZ" || string(pe[:]) != "PE\x00\x00" {
		return fmt.Errorf("%s is not an EFI program", file)
	}
	return nil
}

// entry follows the default entry of systemd-boot.
func entry(o Options) (string, error) {
	e, err := defaultEntry(o.Root)
	if err != nil {
		return "", err
	}
	for _, name := range append([]string{e.kernel}, e.initrds...) {
		if err := readToEnd(o.Root, path.Join("/boot", name)); err != nil {
			return "", fmt.Errorf("entry %s: %w", e.name, err)
		}
	}
	if e.unified && e.init == "" {
		return fmt.Sprintf("entry %s starts %s, which names its init inside", e.name, e.kernel), nil
	}
	if e.init == "" {
		return "", fmt.Errorf("entry %s has no init= on its options line", e.name)
	}
	if err := readToEnd(o.Root, e.init); err != nil {
		return "", fmt.Errorf("entry %s: %w", e.name, err)
	}
	return fmt.Sprintf("entry %s starts %s with %s and init %s", e.name, e.kernel, strings.Join(e.initrds, ", "), e.init), nil
}

// readToEnd reads every byte: a file can have the right size and still not be
// readable.
func readToEnd(root, name string) error {
	file, err := resolve(root, name)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	// Let go of what is in memory: the disk itself is to be read
	// (posix_fadvise(2)). What cannot be let go of was read from there.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	n, err := io.Copy(io.Discard, f)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s is empty", name)
	}
	return err
}
