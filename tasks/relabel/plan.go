package relabel

import (
	"context"
	"os/exec"
	"path/filepath"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Plan looks at the disk of the host that runs, or of the one whose root is
// mounted at at, and plans to give it the labels of h. Nothing is written.
func Plan(ctx context.Context, h hosts.Host, at string) (*engine.Task, *Layout, error) {
	at, err := filepath.Abs(at)
	if err != nil {
		return nil, nil, err
	}
	find := Find{FS: "/", At: at, Labels: h.Labels, Mapper: h.LUKS.MapperName}
	found, err := find.Run(ctx, sys.Looking())
	if err != nil {
		return nil, nil, err
	}
	p := engine.NewTask("relabelling "+found.Disk.Path+" for "+h.TargetHost,
		engine.NewStep("relabel", "give the disk the labels of the host's definition", engine.Write, Ops(Options{find, found})...))
	p.Warnings = append(p.Warnings, found.Warnings...)
	for _, a := range p.Steps[0].Actions {
		if len(a.Argv) == 0 {
			continue
		}
		if _, err := exec.LookPath(a.Argv[0]); err != nil {
			return nil, nil, sys.Faultf(sys.CodeMachine,
				"install it; it is in every NixOS with such a disk, run by root", "%s is missing", a.Argv[0])
		}
	}
	return p, found, nil
}
