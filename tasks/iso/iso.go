// Package iso builds a host's installer ISO.
package iso

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/disk/block"
	"auto-installer/internal/engine"
	"auto-installer/internal/nix/flake"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
)

// Options says which ISO to build, and where from.
type Options struct {
	Flake   string // folder of the config repo, see flake.Find
	Host    string
	OutLink string // symbolic link to nix's output, absolute
}

func (o Options) installable() string { return flake.Ref(o.Flake) + "#" + o.Host + suffix }

// suffix is what follows a host's name in the flake's output.
const suffix = "InstallerIso"

func (o Options) build() sys.Cmd {
	return flake.Nix(o.Flake, "build the ISO", "build", o.installable(), "--print-build-logs", "--log-format", "internal-json", "-v", "--out-link", o.OutLink)
}

func (o Options) buildLog() sys.Cmd {
	c := flake.Nix(o.Flake, "read the log of an earlier build", "log", o.installable())
	c.Quiet = true
	return c
}

// Plan builds the installer ISO of a host of the flake that a folder lies in,
// and links to it.
func Plan(dir, host, outLink string) *engine.Task {
	o := Options{Flake: flake.Find(dir), Host: host, OutLink: outLink}
	t := engine.NewTask("building the installer ISO of "+host,
		engine.NewStep("iso", "build it with nix, and say what is next", engine.Check, o.ops()...))
	t.Shared = true
	return t
}

func (o Options) ops() []engine.Op {
	return []engine.Op{engine.Together(sys.Actions(o.build()), o.run), engine.Do("", o.next)}
}

func (o Options) run(ctx context.Context, s sys.System) error {
	if _, err := os.Stat(filepath.Join(o.Flake, "flake.nix")); err != nil {
		return sys.Faultf(sys.CodeUsage, "run this in the config repo, or name its folder with --flake", "%s is not a flake: %w", o.Flake, err)
	}
	err := nixlog.Run(ctx, s, o.build())
	if err == nil || ctx.Err() != nil {
		return err
	}
	hint, code := nixlog.Hint(err)
	if hint == "" {
		hint, code = o.why(ctx, s, err), sys.CodeSource
	}
	return sys.Faultf(code, hint, "building the ISO of %s failed: %w", o.Host, err)
}

func (o Options) next(ctx context.Context, s sys.System) error {
	image, size, err := find(o.OutLink)
	if err != nil {
		return sys.Faultf(sys.CodeSource, "set packages."+o.Host+suffix+" to the output of mkInstallers for the host, or to config.system.build.isoImage", "nix built no ISO: %w", err)
	}
	s.Log(fmt.Sprintf("%s (%s)", image, block.FormatSize(size)))
	key, err := o.deployKey(ctx, s)
	if err != nil {
		return err
	}
	if key != "" {
		s.Log("")
		s.Log("INSTALLER SSH PUBLIC KEY for " + o.Host + ":")
		s.Log(key)
		s.Log("Add it as a deploy key to the config repo and to every private input of its flake.")
	}
	s.Log("")
	s.Log("next: sudo auto-installer flash " + sys.Quote([]string{image}))
	return nil
}

// find finds the one image below the out-link, and its size in bytes.
func find(outLink string) (name string, size int64, err error) {
	dir := filepath.Join(outLink, "iso")
	entries, err := os.ReadDir(dir)
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return filepath.Ext(e.Name()) != ".iso" })
	if err != nil || len(entries) != 1 {
		return "", 0, errors.Join(err, fmt.Errorf("%d images in %s", len(entries), dir))
	}
	name = filepath.Join(dir, entries[0].Name())
	info, err := os.Stat(name)
	if err != nil {
		return "", 0, err
	}
	return name, info.Size(), nil
}

// maxKey is the size limit of a public key, in bytes.
const maxKey = 64 << 10

// deployKey is the public half of the ISO's deploy key, from the host's folder or
// else from the build's log, or empty.
func (o Options) deployKey(ctx context.Context, s sys.System) (string, error) {
	data, err := sys.ReadIn(o.Flake, filepath.Join("hosts", o.Host, "deploy.pub"), maxKey)
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", sys.WithHint(err, sys.CodeUsage, "put the public key there as a plain file", "the ISO is built, but its deploy key cannot be read")
	}
	log, err := s.Output(ctx, o.buildLog())
	if err != nil { // a substituted ISO has no log
		return "", ctx.Err()
	}
	return printed(string(log), o.Host), nil
}

// printed finds the key in a build's log, below a line that announces it.
func printed(log, host string) string {
	_, rest, _ := strings.Cut(log, "INSTALLER SSH PUBLIC KEY for "+host+":")
	for line := range strings.Lines(rest) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
