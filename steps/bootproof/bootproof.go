// Package bootproof follows what the firmware will start, from the ESP to the
// system's init, and reads it to the end.
//
// The ESP is read by the partition's own node and past the kernel's cache, by
// a FAT reader of our own: what it sees is what the firmware will see. Every
// check is made, and all that fail are told at once.
package bootproof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Options says what was installed where.
type Options struct {
	Root      string // the target's mount point
	Toplevel  string // store path of the system, or the out-link that leads to it
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
	Mapper     string // the name that it was opened under
	Passphrase []byte
	// RecoveryKey is tried too, unless it is nil.
	RecoveryKey []byte
	// LUKSDevices tells which containers the system's initrd opens: name to
	// device (boot.initrd.luks.devices). Nil, or nil from it: not known, and
	// not compared.
	LUKSDevices func() map[string]string

	// OtherLoader tells whether the host starts by a boot loader other than
	// systemd-boot and GRUB, whose menu is not read. Nil: it does not.
	OtherLoader func() bool

	// DropCaches is the kernel's file that lets go of what is cached
	// (proc_sys_vm(5)), so that store paths are read from the disk. Empty: it
	// is left alone.
	DropCaches string
	// Hashes is the system's closure with the hashes of its contents, as the
	// medium has them: the target's own database must say the same, before it
	// is believed. Nil, or nil from it: the target's nix built the system, and
	// no other source has its hashes.
	Hashes func() map[string]string
	// SkipContents leaves out hashing the store paths again.
	SkipContents bool
}

// Check is one link of the chain.
type Check struct {
	Name string // what is looked at, in a few words: "the loader"
	Hint string // what to do if it is not as it should be
	// Does is what it runs, for the dry run; nil: it looks by itself.
	Does []sys.Action
	// Prove returns what it saw, for the operator, or why the link does not
	// hold. Nothing seen means that there was nothing to prove.
	Prove func(ctx context.Context, s sys.System) (saw string, err error)
}

// errSkipped: an earlier check failed, and this one has nothing to go by.
var errSkipped = errors.New("skipped")

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
	as := []sys.Action{flush(o).Action()}
	for _, c := range newProof(o).checks() {
		if c.Does == nil {
			c.Does = []sys.Action{{Does: "look at " + c.Name}}
		}
		as = append(as, c.Does...)
	}
	return as
}

// Run makes every check. What is proven is a line each in the log, and what is
// not is in the error, all of it.
func Run(ctx context.Context, s sys.System, o Options) error {
	if err := s.Run(ctx, flush(o)); err != nil {
		return sys.Incomplete(err, "to "+flush(o).Does)
	}
	p := newProof(o)
	defer p.close()
	return prove(ctx, s, p.checks())
}

// failure is a check that failed.
type failure struct {
	Check
	err error
}

func prove(ctx context.Context, s sys.System, checks []Check) error {
	var failed []failure
	for i, c := range checks {
		s.Progress(sys.Progress{Done: int64(i), Total: int64(len(checks)), Unit: "checks", Label: c.Name})
		saw, err := c.Prove(ctx, s)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errSkipped):
			s.Log("not looked at, for what failed before: " + c.Name)
		case err != nil:
			failed = append(failed, failure{c, err})
			for line := range strings.SplitSeq(err.Error(), "\n") {
				s.Log("not proven: " + c.Name + ": " + line)
			}
		case saw != "":
			s.Proven(saw)
		}
	}
	s.Progress(sys.Progress{Done: int64(len(checks)), Total: int64(len(checks)), Unit: "checks"})
	if failed == nil {
		return nil
	}
	return report(failed, len(checks))
}

// report makes one error of all that failed, with what to do about each.
func report(failed []failure, of int) *sys.Fault {
	var causes, hints []string
	var errs []error
	for _, f := range failed {
		causes = append(causes, f.Name+": "+f.err.Error())
		hint := f.Hint
		if below, ok := errors.AsType[*sys.Fault](f.err); ok && below.Hint != "" {
			hint = below.Hint
		}
		if hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
		errs = append(errs, f.err)
	}
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(h, "start over") }) {
		// Nothing is lost that was written.
		hints = append(hints, "then try again from here (--resume)")
	}
	cause := "the machine might not start: " + causes[0]
	if len(failed) > 1 {
		cause = fmt.Sprintf("the machine might not start, %d of %d checks failed:\n%s", len(failed), of, strings.Join(causes, "\n"))
	}
	return &sys.Fault{Cause: cause, Hint: strings.Join(hints, "; "), Code: sys.CodeBootProof, Err: errors.Join(errs...)}
}
