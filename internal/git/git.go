// Package git makes commands of git for repos that are untrusted input.
package git

import (
	"context"
	"strings"

	"auto-installer/internal/sys"
)

// Env keeps git from running what a repo's own config or the address of a remote
// names: a file system monitor, hooks, remote helpers such as ext::
// (git-config(1), git(1) "GIT_ALLOW_PROTOCOL"). Submodules are left alone, and
// nothing is asked.
var Env = []string{
	"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
	"GIT_CONFIG_COUNT=3",
	"GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=false",
	"GIT_CONFIG_KEY_1=core.hooksPath", "GIT_CONFIG_VALUE_1=/dev/null",
	"GIT_CONFIG_KEY_2=submodule.recurse", "GIT_CONFIG_VALUE_2=false",
}

// In is a command of git in a repo of the build machine. What Env cannot
// forbid, a filter that .gitattributes asks for, runs with no more rights than
// the repo's owner has.
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
