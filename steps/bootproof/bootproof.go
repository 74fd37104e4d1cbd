// Package bootproof follows the chain that boots the new system, from the
// firmware's menu to init, and reads every link to its end.
//
// It reads the ESP from the partition itself, past the kernel's cache and
// through a FAT reader of its own, so that it sees what the firmware will see.
// It makes every check and reports every failure together.
package bootproof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Options says what the earlier steps installed where.
type Options struct {
	Root      string // the target's mount point
	Toplevel  string // store path of the system, or the out-link to it
	ESP       string // device of the ESP
	ESPLabel  string
	ESPGUID   string // PARTUUID of the ESP
	Firmware  string // where /sys is, for the firmware's boot menu; empty: ignore the menu
	RootFS    string // device of the root file system, the mapper if encrypted
	RootLabel string
	// LUKS is the container's partition, empty if there is none.
	LUKS       string
	LUKSLabel  string
	Mapper     string // the container's name in /dev/mapper
	Passphrase []byte
	// RecoveryKey is nil if there is none.
	RecoveryKey []byte
	// LUKSDevices returns the containers that the system's initrd opens: name
	// to device (boot.initrd.luks.devices). If it is nil or returns nil, they
	// are unknown.
	LUKSDevices func() map[string]string

	// OtherLoader reports whether the host uses a boot loader other than
	// systemd-boot and GRUB, whose menu this package cannot read. Nil: no.
	OtherLoader func() bool

	// DropCaches is the kernel's drop_caches file (proc_sys_vm(5)), so that
	// store paths are read from the disk. Empty: leave the caches alone.
	DropCaches string
	// Hashes returns the hashes of the system's closure on the medium. The
	// target's own database must match them before it is trusted. If it is nil
	// or returns nil, the target's nix built the system and there is no other
	// source of its hashes.
	Hashes func() map[string]string
	// SkipContents skips hashing the store paths.
	SkipContents bool
}

// Check is one link of the chain.
type Check struct {
	Name string // in a few words: "the loader"
	Hint string // what to do if it fails
	// Does is what it runs, for the dry run; nil: it runs no command.
	Does []sys.Action
	// Prove returns what it proved, in words, or why the link is broken. An
	// empty text means that there was nothing to prove.
	Prove func(ctx context.Context, s sys.System) (saw string, err error)
}

// errSkipped: the check needs the result of an earlier one that failed.
var errSkipped = errors.New("skipped")

// flush writes everything to the disk, so that it can be read back from there.
func flush(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "write everything out",
		Argv: []string{"sync", "--file-system", o.Root, o.Root + "/boot"},
	}
}

// Actions lists what Run will check.
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

// Run makes every check. It logs a line for each proof; the error reports every
// check that failed.
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
			s.Log("skipped, because an earlier check failed: " + c.Name)
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

// report makes one fault of all failures, with a hint for each.
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
		hints = append(hints, "then try again from here (--resume)") // the disk keeps what was written
	}
	cause := "the machine might not start: " + causes[0]
	if len(failed) > 1 {
		cause = fmt.Sprintf("the machine might not start, %d of %d checks failed:\n%s", len(failed), of, strings.Join(causes, "\n"))
	}
	return &sys.Fault{Cause: cause, Hint: strings.Join(hints, "; "), Code: sys.CodeBootProof, Err: errors.Join(errs...)}
}
