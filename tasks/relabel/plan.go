package relabel

import (
	"context"
	"os/exec"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Relabelling is what relabelling a host's disk comes to.
type Relabelling struct {
	Task   *engine.Task
	Table  string   // every label, as it is and will be, for people
	Config []string // the lines of the host's configuration that go by label
	Change bool     // whether there is anything to do
}

// Plan looks at the disk of the host that runs, or of the one whose root is
// mounted at at, and plans to give it the labels of h. Nothing is written. The
// error is an *Error.
func Plan(ctx context.Context, h hosts.Host, at string) (*Relabelling, error) {
	at, err := filepath.Abs(at)
	if err != nil {
		return nil, engine.NewError("", err)
	}
	find := Find{
		FS: "/", At: at, Mapper: h.LUKS.MapperName,
		ESP: h.Labels.EFI, Root: h.Labels.Root, LUKS: h.Labels.LUKS, Swap: h.Labels.Swap,
	}
	found, err := find.Run(ctx, sys.Looking())
	if err != nil {
		return nil, engine.NewError("", err)
	}
	o := Options{Find: find, Layout: found}
	p := engine.NewTask("relabelling "+found.Disk.Path+" for "+h.TargetHost,
		engine.NewStep("relabel", "give the disk the labels of the host's definition", engine.Write, Ops(o)...))
	p.Warnings = append(p.Warnings, found.Warnings...)
	for _, a := range p.Steps[0].Actions {
		if len(a.Argv) == 0 {
			continue
		}
		if _, err := exec.LookPath(a.Argv[0]); err != nil {
			return nil, engine.NewError("", sys.Faultf(sys.CodeMachine,
				"install it; it is in every NixOS with such a disk, run by root", "%s is missing", a.Argv[0]))
		}
	}
	return &Relabelling{Task: p, Table: found.Table(), Config: found.Config, Change: len(found.Changes()) > 0}, nil
}
