package steps

import (
	"context"
	"os/exec"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/internal/sys"
	"auto-installer/tasks/relabel"
)

// Relabelling is what relabelling a host's disk comes to.
type Relabelling struct {
	Plan   *Plan
	Table  string   // every label, as it is and will be, for people
	Config []string // the lines of the host's configuration that go by label
	Change bool     // whether there is anything to do
}

// Relabel looks at the disk of the host that runs, or of the one whose root is
// mounted at at, and plans to give it the labels of h. Nothing is written. The
// error is an *Error.
func Relabel(ctx context.Context, h hosts.Host, at string) (*Relabelling, error) {
	at, err := filepath.Abs(at)
	if err != nil {
		return nil, NewError("", err)
	}
	find := relabel.Find{
		FS: "/", At: at, Mapper: h.LUKS.MapperName,
		ESP: h.Labels.EFI, Root: h.Labels.Root, LUKS: h.Labels.LUKS, Swap: h.Labels.Swap,
	}
	found, err := find.Run(ctx, looking())
	if err != nil {
		return nil, NewError("", err)
	}
	o := relabel.Options{Find: find, Layout: found}
	p := task("relabelling "+found.Disk.Path+" for "+h.TargetHost,
		step("relabel", "give the disk the labels of the host's definition", after, o, relabel.Actions, relabel.Run))
	p.Warnings = append(p.Warnings, found.Warnings...)
	for _, a := range p.Steps[0].Actions {
		if len(a.Argv) == 0 {
			continue
		}
		if _, err := exec.LookPath(a.Argv[0]); err != nil {
			return nil, NewError("", fault(sys.CodeMachine, "install it; it is in every NixOS with such a disk, run by root", "%s is missing", a.Argv[0]))
		}
	}
	return &Relabelling{Plan: p, Table: found.Table(), Config: found.Config, Change: len(found.Changes()) > 0}, nil
}
