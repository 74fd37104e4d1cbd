package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/nix/nixstore"
	"auto-installer/internal/sys"
)

// init follows init= into the target's store: it must exist, and belong to the
// installed system.
func (p *proof) init(context.Context, sys.System) (string, error) {
	if p.entry == nil {
		return "", errSkipped
	}
	init := bls.Param(p.line, "init")
	if init == "" {
		return "", fmt.Errorf("entry %s has no init= on its command line", p.entry.File)
	}
	f, info, err := p.openRoot(init)
	if err != nil {
		return "", fmt.Errorf("init=: %w", err)
	}
	if info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("init=%s cannot be executed", init)
	}
	if _, err := readAll(init, io.NewSectionReader(f, 0, info.Size()), 0); err != nil {
		return "", err
	}
	if p.toplevel == "" {
		return "", fmt.Errorf("%s leads to no system", p.o.Toplevel)
	}
	want, err := resolve(p.o.Root, p.toplevel)
	if err != nil {
		return "", err
	}
	var errs []error
	for _, link := range [][2]string{
		{"init= of the default entry", path.Dir(init)}, {"the system profile", "/nix/var/nix/profiles/system"},
	} {
		if is, err := resolve(p.o.Root, link[1]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", link[0], err))
		} else if is != want {
			errs = append(errs, fmt.Errorf("%s is of %s, not of the installed system, %s", link[0], strings.TrimPrefix(is, p.o.Root), p.toplevel))
		}
	}
	if errs != nil {
		return "", errors.Join(errs...)
	}
	return "init= leads to the installed system, " + p.toplevel, nil
}

func verify(o Options, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "hash every store path of the system again",
		Argv: []string{
			"nix", "--extra-experimental-features", "nix-command", "store", "verify", "--store", o.Root,
			"--no-trust", "--recursive", "--log-format", "internal-json", "-v", toplevel,
		},
	}
}

// claims asks the target's own database for the hashes of the system.
func claims(o Options, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "compare what the target's store says of itself with the medium's",
		Argv: nixstore.Query(o.Root, toplevel),
	}
}

// compareClaims checks that the target's database has exactly the paths and
// hashes of the medium. Hashing the files then compares them with the medium's.
func compareClaims(ctx context.Context, s sys.System, o Options, toplevel string, medium map[string]string) error {
	out, err := s.Output(ctx, claims(o, toplevel))
	if err != nil {
		return err
	}
	paths, err := nixstore.Parse(out, toplevel)
	if err != nil {
		return err
	}
	target := nixstore.Hashes(paths)
	var wrong []string
	for name, hash := range medium {
		switch is, there := target[name]; {
		case !there:
			wrong = append(wrong, name+" is missing")
		case hash == "" || is != hash:
			wrong = append(wrong, name+" is not the medium's: its hash differs")
		}
	}
	for name := range target {
		if _, known := medium[name]; !known {
			wrong = append(wrong, name+" is not on the medium")
		}
	}
	slices.Sort(wrong)
	if n := len(wrong); n > mostWrong {
		wrong = append(wrong[:mostWrong], fmt.Sprintf("and %d more", n-mostWrong))
	}
	if wrong != nil {
		return sys.Faultf(sys.CodeBootProof, hintForeign, "%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// mostWrong is how many paths an error names.
const mostWrong = 5

// contents checks that every store path of the system is on the disk as it was
// built.
func (p *proof) contents() Check {
	shown := p.o.Toplevel
	if !isStorePath(shown) {
		shown = "<toplevel>" // a dry run does not know it; a link may be of an earlier install
	}
	does := []sys.Action{verify(p.o, shown).Action()}
	if p.o.Hashes != nil {
		does = append([]sys.Action{claims(p.o, shown).Action()}, does...)
	}
	return Check{
		Name: "the contents of the store", Hint: hintDisk, Does: does,
		Prove: func(ctx context.Context, s sys.System) (string, error) {
			if p.o.DropCaches != "" {
				if err := os.WriteFile(p.o.DropCaches, []byte("1\n"), 0o200); err != nil {
					s.Log("cached files are not read from the disk again: " + err.Error())
				}
			}
			where := ""
			if p.o.Hashes != nil {
				if medium := p.o.Hashes(); medium != nil {
					if err := compareClaims(ctx, s, p.o, p.toplevel, medium); err != nil {
						return "", err
					}
					where = " and are on the medium"
				}
			}
			paths, err := p.hashAgain(ctx, s)
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("its %d store paths are on the disk as they were built%s", paths, where), nil
		},
	}
}

// hashAgain hashes every store path of the system, compares it with the
// target's database, and returns the number of paths.
func (p *proof) hashAgain(ctx context.Context, s sys.System) (paths int64, err error) {
	var wrong []string
	log := &nixlog.Log{
		Progress: func(pr sys.Progress) {
			paths = max(paths, pr.Done)
			s.Progress(pr)
		},
		Line: func(line string) {
			if !strings.HasPrefix(line, "checking '") {
				s.Log(line)
				wrong = append(wrong, line)
			}
		},
	}
	if err := s.Lines(ctx, verify(p.o, p.toplevel), log.Feed); err != nil {
		wrong = wrong[max(0, len(wrong)-mostWrong):]
		return 0, errors.New(strings.Join(append(wrong, err.Error()), "\n"))
	}
	return paths, nil
}
