// Package agenix reads agenix' rules: the recipients of each secret.
package agenix

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/sys"
	"auto-installer/internal/worktree"
	"auto-installer/secrets"
)

// Evaluation is the command that turns a rules file into JSON.
func Evaluation(file string) sys.Cmd {
	return Evaluate("ask the rules for whom the secrets are", file, secrets.RulesExpression)
}

// Evaluate is the command that applies a function to a Nix file of a work tree and
// prints JSON. The file is untrusted input: nix reads nothing outside of its work
// tree and NIX_PATH, fetches nothing and builds nothing (nix.conf(5), restrict-eval
// and allow-import-from-derivation).
func Evaluate(does, file, apply string) sys.Cmd {
	root, err := worktree.Root(filepath.Dir(file))
	if err != nil { // nix reports that the file is missing
		root = filepath.Dir(file)
	}
	// nix resolves links before it compares a path with the work tree.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return sys.Cmd{Does: does, Argv: []string{
		"nix", "--extra-experimental-features", "nix-command", "eval", "--json",
		"--option", "restrict-eval", "true", "--option", "allowed-uris", "",
		"--option", "allow-import-from-derivation", "false", "-I", "repo=" + root,
		"--file", file, "--apply", apply,
	}, Owner: filepath.Dir(file)}
}

// Find is the rules file for a command in dir: the one that RULES names, as for
// agenix, or that of the folder; or empty.
func Find(dir string) string {
	if file := os.Getenv("RULES"); file != "" {
		return file
	}
	return In(dir)
}

// In is the rules file of a folder: where agenix looks for it, or where most repos
// have it; or empty.
func In(dir string) string {
	for _, name := range []string{"secrets.nix", "secrets/secrets.nix"} {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// maxRules bounds rules as JSON, in bytes.
const maxRules = 64 << 20

// Read reads a rules file: agenix' secrets.nix, which nix evaluates once, or JSON
// if its name ends in .json.
func Read(ctx context.Context, s sys.System, file string) ([]secrets.Rule, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sys.Faultf(sys.CodeUsage, "run it beside secrets.nix, or name that with --rules or RULES", "there are no rules at %s", file)
	}
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		return nil, sys.Faultf(sys.CodeUsage, "name a file that can be read", "the rules at %s: %w", file, err)
	}
	var data []byte
	if strings.HasSuffix(file, ".json") {
		if data, err = sys.ReadAtMost(file, maxRules); err != nil {
			return nil, sys.Faultf(sys.CodeUsage, "name a file that can be read", "the rules: %w", err)
		}
	} else {
		c := Evaluation(file)
		c.Quiet, c.Mute = true, true // the error has nix's words
		data, err = s.Output(ctx, c)
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, sys.Faultf(sys.CodeMachine, "install nix, or give the rules as JSON: --rules FILE.json", "evaluating %s needs nix", file)
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil && strings.Contains(err.Error(), "restricted mode"):
		return nil, sys.Faultf(sys.CodeSource, "move what they read into the work tree, or give the rules as JSON: --rules FILE.json",
			"the rules read a file outside of their work tree, or the network: %w", err)
	case err != nil:
		return nil, sys.Faultf(sys.CodeSource, "correct it; `nix eval --file "+sys.Quote([]string{file})+"` shows the whole error", "the rules cannot be evaluated: %w", err)
	}
	rules, err := secrets.ParseRules(data)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeUsage, "correct the rules", file)
	}
	return rules, nil
}

// Places are the folders that the paths of rules may be relative to: dir, where the
// command runs, the folder of the rules file, and those above it in its work tree.
func Places(dir, file string) []string {
	places := []string{dir}
	at := filepath.Dir(file)
	root, err := worktree.Root(at)
	if real, realErr := filepath.EvalSymlinks(at); err == nil && realErr == nil {
		at = real
	} else {
		root = at
	}
	for ; ; at = filepath.Dir(at) {
		if !slices.Contains(places, at) {
			places = append(places, at)
		}
		if at == root || at == filepath.Dir(at) {
			return places
		}
	}
}

// Base is the first of those folders that has one of the files, or dir.
func Base(dir, file string, rules []secrets.Rule) string {
	for _, base := range Places(dir, file) {
		for _, r := range rules {
			if _, err := os.Stat(filepath.Join(base, r.File)); err == nil {
				return base
			}
		}
	}
	return dir
}
