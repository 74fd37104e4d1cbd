package iso

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"auto-installer/internal/git"
	"auto-installer/internal/nix/nixlog"
	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
)

// declared is how a flake declares installers.
const declared = "`installers = auto-installer.lib.mkInstallers { inherit self; };` and `inherit (installers) packages checks;` in flake.nix give every host with a host.toml its installer"

// why says what to do about a failed build of an unknown kind.
func (o Options) why(ctx context.Context, s sys.System, err error) string {
	if strings.Contains(err.Error(), "does not provide attribute") {
		return o.undeclared(ctx, s)
	}
	root, rootErr := worktree.Root(o.Flake)
	isThere := func(file string) bool {
		_, err := os.Stat(filepath.Join(root, file))
		return rootErr == nil && err == nil
	}
	if file := nixlog.Missing(err); file != "" {
		if isThere(file) {
			return toAdd(file)
		}
		return "correct the reference to " + file + ", which is not in the flake"
	}
	if place := nixlog.Place(err, isThere); place != "" {
		return fmt.Sprintf("correct %s; `nix build %s --show-trace` shows how the evaluation got there", place, sys.Quote([]string{o.installable()}))
	}
	return fmt.Sprintf("read the output of `nix build %s --show-trace`", sys.Quote([]string{o.installable()}))
}

func toAdd(file string) string {
	return "git add " + sys.Quote([]string{file}) + ": nix sees only files that git tracks"
}

// undeclared says why the flake has no installer for the host.
func (o Options) undeclared(ctx context.Context, s sys.System) string {
	folder := filepath.Join("hosts", o.Host)
	for _, name := range []string{"host.toml", "installer.nix"} {
		file := filepath.Join(folder, name)
		if _, err := os.Stat(filepath.Join(o.Flake, file)); err != nil {
			continue
		}
		list := git.In(o.Flake, "check whether git tracks "+file, "ls-files", "--", file)
		list.Quiet = true
		known, err := s.Output(ctx, list)
		if err == nil && len(known) == 0 {
			return toAdd(folder)
		}
		return declared
	}
	return fmt.Sprintf("name a host of the flake, or add this one with `auto-installer new-host %s`; %s", o.Host, declared)
}
