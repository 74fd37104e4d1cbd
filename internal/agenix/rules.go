// Package agenix reads agenix' rules: which secret is encrypted to whom.
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

// Evaluation is the command that makes JSON of a rules file.
func Evaluation(file string) sys.Cmd {
	return Evaluate("ask the rules for whom the secrets are", file, secrets.RulesExpression)
}

// Evaluate is the command that makes JSON of a Nix file of a work tree, after
// the function apply. The file is untrusted input: it reads nothing outside of
// its work tree and what NIX_PATH names, fetches nothing and builds nothing
// (nix.conf(5), restrict-eval and allow-import-from-derivation).
func Evaluate(does, file, apply string) sys.Cmd {
	root, err := worktree.Root(filepath.Dir(file))
	if err != nil { // nix says that the file is missing
		root = filepath.Dir(file)
	}
	// The folder may be reached through a link, which nix resolves.
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

// Find is the rules that a command is to use in dir: those that RULES names, as
// for agenix, else those of the folder. Empty: there are none.
func Find(dir string) string {
	if file := os.Getenv("RULES"); file != "" {
		return file
	}
	return In(dir)
}

// In is the rules of a folder: where agenix looks for them, else where most
// repos have them. Empty: there are none.
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

// Read reads a rules file: agenix' secrets.nix, by one evaluation of nix, or
// the same as plain JSON if its name ends in .json.
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
		data, err = s.Output(ctx, Evaluation(file))
	}
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, sys.Faultf(sys.CodeMachine, "install nix, or give the same rules as JSON: --rules FILE.json", "nix is needed to evaluate %s", file)
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil && strings.Contains(err.Error(), "restricted mode"):
		return nil, sys.Faultf(sys.CodeSource, "put what they read into the same work tree, or give the same rules as JSON: --rules FILE.json",
			"the rules read what lies outside of their work tree, or in the network: %w", err)
	case err != nil:
		return nil, sys.Faultf(sys.CodeSource, "correct it; `nix eval --file "+sys.Quote([]string{file})+"` shows the whole error", "the rules cannot be evaluated: %w", err)
	}
	rules, err := secrets.ParseRules(data)
	if err != nil {
		return nil, sys.WithHint(err, sys.CodeUsage, "correct the rules", file)
	}
	return rules, nil
}

// Places are the folders that the paths of rules may be relative to: dir, where
// agenix would be run, that of the rules file, and those above it in its work
// tree.
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

// Base is the first of those folders that has any of the files, or else dir.
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
