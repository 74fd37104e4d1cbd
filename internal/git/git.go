// Package git makes git commands for repos that are untrusted input.
package git

import (
	"context"
	"strings"

	"auto-installer/internal/sys"
)

// Env keeps git from running programs that a repo's own config or a remote's address
// names: a file system monitor, hooks, remote helpers such as ext::
// (git-config(1), git(1) "GIT_ALLOW_PROTOCOL"). git skips submodules and does not
// prompt.
var Env = []string{
	"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
	"GIT_CONFIG_COUNT=3",
	"GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=false",
	"GIT_CONFIG_KEY_1=core.hooksPath", "GIT_CONFIG_VALUE_1=/dev/null",
	"GIT_CONFIG_KEY_2=submodule.recurse", "GIT_CONFIG_VALUE_2=false",
}

// In is a git command in a repo of the build machine. Env cannot forbid the filters
// that .gitattributes names, so git runs with the rights of the repo's owner.
func In(repo, does string, argv ...string) sys.Cmd {
	return sys.Cmd{Does: does, Argv: append([]string{"git", "-C", repo}, argv...), Env: Env, Owner: repo}
}

// Origin is the URL of a work tree's remote origin, or empty.
func Origin(ctx context.Context, dir string) string {
	c := In(dir, "", "remote", "get-url", "origin")
	c.Quiet = true
	out, err := sys.Looking().Output(ctx, c)
	if err != nil {
		return ""
	}
	return sys.Clean(strings.TrimSpace(string(out)))
}
