package bootproof

import (
	"context"
	"errors"
	"fmt"
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
	init := bls.Param(p.line, "init")
	if init == "" {
		return "", fmt.Errorf("entry %s has no init= on its command line", p.entry.File)
	}
	f, mode, err := p.inRoot(init)
	switch {
	case err != nil:
		return "", fmt.Errorf("init=: %w", err)
	case mode&0o111 == 0:
		return "", fmt.Errorf("init=%s cannot be executed", init)
	case p.toplevel == "":
		return "", fmt.Errorf("%s leads to no system", p.o.Toplevel)
	}
	if _, err := readAll(init, f, 0); err != nil {
		return "", err
	}
	want, err := resolve(p.o.Root, p.toplevel)
	errs := []error{err}
	for _, link := range []struct{ what, at string }{
		{"init= of the default entry", path.Dir(init)}, {"the system profile", "/nix/var/nix/profiles/system"},
	} {
		is, err := resolve(p.o.Root, link.at)
		if err == nil && is != want {
			errs = append(errs, fmt.Errorf("%s is of %s, not of the installed system, %s", link.what, strings.TrimPrefix(is, p.o.Root), p.toplevel))
		} else if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", link.what, err))
		}
	}
	return "init= leads to the installed system, " + p.toplevel, errors.Join(errs...)
}

func verify(root, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "hash every store path of the system again",
		Argv: []string{
			"nix", "--extra-experimental-features", "nix-command", "store", "verify", "--store", root,
			"--no-trust", "--recursive", "--log-format", "internal-json", "-v", toplevel,
		},
	}
}

// claims asks the target's own database for the hashes of the system.
func claims(root, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "compare what the target's store says of itself with the medium's",
		Argv: nixstore.Query(root, toplevel),
	}
}

// compareClaims checks that the target's database has exactly the paths and
// hashes of the medium. Hashing the files then compares them with the medium's.
func (p *proof) compareClaims(ctx context.Context, s sys.System) error {
	out, err := s.Output(ctx, claims(p.o.Root, p.toplevel))
	if err != nil {
		return err
	}
	paths, err := nixstore.Parse(out, p.toplevel)
	if err != nil {
		return err
	}
	target, medium := nixstore.Hashes(paths), *p.o.Hashes
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
	if wrong == nil {
		return nil
	}
	slices.Sort(wrong)
	if n := len(wrong); n > mostWrong {
		wrong = append(wrong[:mostWrong], fmt.Sprintf("and %d more", n-mostWrong))
	}
	return sys.Faultf(sys.CodeBootProof, hintForeign, "%s", strings.Join(wrong, "\n"))
}

// mostWrong is how many paths an error names.
const mostWrong = 5

// contents checks that every store path of the system is on the disk as it was
// built.
func (p *proof) contents() check {
	runs := []sys.Cmd{verify(p.o.Root, "<toplevel>")}
	if p.prebuilt() {
		runs = []sys.Cmd{claims(p.o.Root, p.o.Toplevel), verify(p.o.Root, p.o.Toplevel)}
	}
	return check{name: "the contents of the store", hint: hintDisk, runs: runs, prove: p.proveContents}
}

func (p *proof) proveContents(ctx context.Context, s sys.System) (string, error) {
	if p.o.DropCaches != "" {
		if err := os.WriteFile(p.o.DropCaches, []byte("1\n"), 0o200); err != nil {
			s.Log("cached files are not read from the disk again: " + err.Error())
		}
	}
	where := ""
	if *p.o.Hashes != nil {
		if err := p.compareClaims(ctx, s); err != nil {
			return "", err
		}
		where = " and are on the medium"
	}
	var paths int64
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
	if err := s.Lines(ctx, verify(p.o.Root, p.toplevel), log.Feed); err != nil {
		wrong = wrong[max(0, len(wrong)-mostWrong):]
		return "", errors.New(strings.Join(append(wrong, err.Error()), "\n"))
	}
	return fmt.Sprintf("its %d store paths are on the disk as they were built%s", paths, where), nil
}
