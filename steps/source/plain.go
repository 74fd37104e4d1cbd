package source

import (
	"regexp"

	"auto-installer/internal/git"
	"auto-installer/internal/sys"
)

// commit is a commit's name, whole or short, as against a branch's.
var commit = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// plain makes a repo of a folder without git's own files. A flake needs one,
// and so does the user, who will pull into it later.
//
// The commit is unrelated to the remote's, which a medium does not carry. So
// it is noted as what the remote's branch was when last seen: for git that is
// a branch which was rewritten upstream, and `git pull --rebase` then replaces
// it by the new one, with what was committed since on top (git-rebase(1),
// --fork-point).
func plain(o Options) []sys.Cmd {
	branch := o.Ref
	if branch == "" || commit.MatchString(branch) {
		branch = "main"
	}
	git := func(does string, argv ...string) sys.Cmd {
		return sys.Cmd{Does: does, Argv: append([]string{"git", "-C", o.Dir}, argv...), Env: git.Env}
	}
	c := []sys.Cmd{
		{Does: "copy the config repo's files into memory", Argv: []string{"cp", "-R", "-T", "--", o.Local, o.Dir}},
		{Does: "make them writable", Argv: []string{"chmod", "-R", "u+w", o.Dir}},
		git("make a repo of them", "init", "--quiet", "--initial-branch="+branch),
		git("add its files", "add", "--all", "--force"),
		git("commit them", "-c", "user.name=auto-installer", "-c", "user.email=auto-installer@localhost",
			"commit", "--quiet", "--message", "The configuration as the installer medium carried it"),
	}
	if o.Remote == "" {
		return c
	}
	return append(c,
		git("set its remote", "remote", "add", "origin", o.Remote),
		git("note its commit as the remote's", "update-ref", "--create-reflog", "refs/remotes/origin/"+branch, "HEAD"),
		git("let the branch follow the remote's", "branch", "--quiet", "--set-upstream-to=origin/"+branch),
		git("let a pull replace it", "config", "branch."+branch+".rebase", "true"),
	)
}
