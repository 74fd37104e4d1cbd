package bootproof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/nix/nixstore"
	"auto-installer/internal/sys"
)

// init follows init= into the target's store: it must be there, and be that of
// the system that was installed.
func (p *proof) init(context.Context, sys.System) (string, error) {
	if p.entry == nil {
		return "", errSkipped
	}
	init := bls.InitPath(p.line)
	if init == "" {
		return "", fmt.Errorf("entry %s has no init= on its command line", p.entry.File)
	}
	f, size, err := openStore(p.o.Root, init)
	if err != nil {
		return "", fmt.Errorf("init=: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode()&0o111 == 0 {
		return "", errors.Join(fmt.Errorf("init=%s cannot be executed", init), err)
	}
	if _, err := readAll(init, io.NewSectionReader(f, 0, size), 0); err != nil {
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
			errs = append(errs, fmt.Errorf("%s is of %s, not of the system that was installed, %s", link[0], strings.TrimPrefix(is, p.o.Root), p.toplevel))
		}
	}
	if err := all(errs); err != nil {
		return "", err
	}
	return "init= leads to the system that was installed, " + p.toplevel, nil
}

// storeHas tells whether the system has a file of its own for what the ESP
// carries.
func (p *proof) storeHas(name string) (bool, error) {
	if p.toplevel == "" {
		return false, nil
	}
	dir, err := resolve(p.o.Root, path.Join(p.toplevel, path.Dir(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := os.Lstat(filepath.Join(dir, path.Base(name))); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	// A link that leads nowhere is an error.
	_, err = resolve(p.o.Root, path.Join(p.toplevel, name))
	return err == nil, err
}

// compare reads a file of the ESP to the end and tells whether it begins with
// the system's own. What follows an initrd may be its secrets.
func (p *proof) compare(name string, r io.ReaderAt, size int64, store string) (same bool, err error) {
	has, err := p.storeHas(store)
	if err != nil {
		return false, err
	}
	var want digest
	if has {
		f, n, err := openStore(p.o.Root, path.Join(p.toplevel, store))
		if err != nil {
			return false, err
		}
		defer f.Close()
		if want, err = readAll(path.Join(p.toplevel, store), io.NewSectionReader(f, 0, n), 0); err != nil {
			return false, err
		}
	}
	got, err := readAll(name, io.NewSectionReader(r, 0, size), want.size)
	if err != nil {
		return false, err
	}
	if store == "kernel" && got.size != want.size {
		return false, nil
	}
	return has && got.sum == want.sum && got.size >= want.size, nil
}

// openStore opens a file below root as the installed system will see it, to be
// read from the disk.
func openStore(root, name string) (*os.File, int64, error) {
	at, err := resolve(root, name)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	// Let go of what is in memory: the disk itself is to be read
	// (posix_fadvise(2)). What cannot be let go of was read from there.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return f, info.Size(), nil
}

// maxLinks is the kernel's own limit of symbolic links in a path
// (path_resolution(7)).
const maxLinks = 40

// resolve finds the file that name is inside root, following symbolic links as
// the installed system will: an absolute one starts at root again.
func resolve(root, name string) (string, error) {
	rest, at := strings.Split(path.Clean("/"+name), "/"), "/"
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		next := path.Join(at, part)
		fi, err := os.Lstat(filepath.Join(root, next))
		if err != nil {
			return "", absent(path.Clean("/"+name), next)
		}
		if fi.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: too many symbolic links", name)
		}
		to, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			return "", err
		}
		if path.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(path.Clean(to), "/"), rest...)
	}
	return filepath.Join(root, at), nil
}

// absent says which part of a path is missing.
func absent(name, missing string) error {
	if name == missing {
		return fmt.Errorf("%s is not there%w", name, quiet{fs.ErrNotExist})
	}
	return fmt.Errorf("%s is not there, for want of %s%w", name, missing, quiet{fs.ErrNotExist})
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

// claims is what the target's own database says of the system.
func claims(o Options, toplevel string) sys.Cmd {
	return sys.Cmd{
		Does: "compare what the target's store says of itself with the medium's",
		Argv: nixstore.Query(o.Root, toplevel),
	}
}

// compareClaims makes sure that the target's database names exactly the paths
// that the medium has, with the same hashes. What hashes the files again then
// goes by the medium's.
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
			wrong = append(wrong, name+" is not the medium's: its hash is another")
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

// mostWrong is how many paths are named.
const mostWrong = 5

// contents makes sure that every store path of the system is on the disk as it
// was built.
func (p *proof) contents() Check {
	shown := p.o.Toplevel
	if !isStorePath(shown) {
		// Known only once it is built: a link that is there now is of an
		// earlier install.
		shown = "<toplevel>"
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
					s.Log("what is in memory is not read from the disk again: " + err.Error())
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

// hashAgain hashes every store path of the system, by what the target's database
// says, and returns how many there are.
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
