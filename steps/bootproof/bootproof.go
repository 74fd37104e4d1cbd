// Package bootproof follows the chain that boots the new system, from the
// firmware's menu to init, and reads every link to its end.
//
// It reads the ESP from the partition itself, past the kernel's cache and
// through a FAT reader of its own, so that it sees what the firmware will see.
// It makes every check and reports every failure together.
package bootproof

import (
	"context"
	"fmt"
	"strings"

	"auto-installer/hosts"
	"auto-installer/hosts/facts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options says what the earlier steps installed where.
type Options struct {
	Root      string // the target's mount point
	Toplevel  string // store path of a prebuilt system, or the out-link to a built one
	ESP       string // device of the ESP
	ESPLabel  string
	ESPGUID   string // PARTUUID of the ESP
	Firmware  string // where /sys is, for the firmware's boot menu
	RootFS    string // device of the root file system, the mapper if encrypted
	RootLabel string
	// LUKS is the container's partition; empty: the disk is not encrypted.
	LUKS        string
	LUKSLabel   string
	Mapper      string // the container's name in /dev/mapper
	Passphrase  []byte
	RecoveryKey []byte // may be nil
	// Facts is what the configuration of Host says.
	Facts *facts.Facts
	Host  hosts.Host
	// Hashes are those of the system's closure on the medium. The target's own database
	// must match them before it is trusted. Nil: the target's nix built the system, and
	// there is no other source of its hashes.
	Hashes *map[string]string
	// DropCaches is the kernel's drop_caches file (proc_sys_vm(5)), so that
	// store paths are read from the disk. Empty: leave the caches alone.
	DropCaches string
	// SkipContents skips hashing the store paths.
	SkipContents bool
}

// check is one link of the chain.
type check struct {
	name string // in a few words: "the loader"
	hint string // what to do if it fails
	// ready reports whether the earlier checks found what this one needs. Nil: it
	// needs nothing.
	ready func() bool
	// prove returns what it proved, in words, or why the link is broken. An
	// empty text means that there was nothing to prove.
	prove func(ctx context.Context, s sys.System) (saw string, err error)
	runs  []sys.Cmd // for the dry run
}

// Ops write everything to the disk and make every check on what it returns.
func Ops(o Options) []engine.Op {
	p := &proof{o: o}
	list := p.checks()
	var shown []sys.Action
	for _, c := range list {
		if c.runs == nil {
			shown = append(shown, sys.Action{Does: "look at " + c.name})
		}
		shown = append(shown, sys.Actions(c.runs...)...)
	}
	flush := sys.Cmd{Does: "write everything out", Argv: []string{"sync", "--file-system", o.Root, o.Root + "/boot"}}
	return []engine.Op{
		engine.Run(flush),
		engine.Together(shown, func(ctx context.Context, s sys.System) error {
			defer p.close()
			p.open()
			return prove(ctx, s, list)
		}),
	}
}

// prove makes every check. It logs a line for each proof; the error reports every
// check that failed, each with its hint.
func prove(ctx context.Context, s sys.System, list []check) error {
	var faults []*sys.Fault
	progress := func(done int, label string) {
		s.Progress(sys.Progress{Done: int64(done), Total: int64(len(list)), Unit: "checks", Label: label})
	}
	for i, c := range list {
		progress(i, c.name)
		if c.ready != nil && !c.ready() {
			s.Log("skipped, because an earlier check failed: " + c.name)
			continue
		}
		saw, err := c.prove(ctx, s)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			for line := range strings.SplitSeq(err.Error(), "\n") {
				s.Log("not proven: " + c.name + ": " + line)
			}
			faults = append(faults, sys.WithHint(err, sys.CodeBootProof, c.hint, c.name))
		case saw != "":
			s.Proven(saw)
		}
	}
	progress(len(list), "")
	if faults == nil {
		return nil
	}
	all := sys.Together(faults, "\n")
	if !strings.Contains(all.Hint, "start over") {
		all.Hint += "; then try again from here (--resume)" // the disk keeps what was written
	}
	count := ": "
	if len(faults) > 1 {
		count = fmt.Sprintf(", %d of %d checks failed:\n", len(faults), len(list))
	}
	all.Cause, all.Code = "the machine might not start"+count+all.Cause, sys.CodeBootProof
	return all
}
