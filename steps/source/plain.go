package source

import (
	"regexp"

	"auto-installer/internal/git"
	"auto-installer/internal/sys"
)

// commit matches the hash of a commit, full or short, as opposed to a branch name.
var commit = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// plain makes a git repo of a folder without .git. A flake needs one, and so does the user,
// who pulls into it later.
//
// Its commit is unrelated to those of the remote, which a medium does not carry. So it is
// noted as the last known state of the remote's branch. To git the branch was then rewritten
// upstream: `git pull --rebase` replaces it with the remote's, and puts later commits of the
// user on top (git-rebase(1), --fork-point).
func plain(o Options) []sys.Cmd {
	branch := o.Ref
	if branch == "" || commit.MatchString(branch) {
		branch = "main"
	}
	git := func(does string, argv ...string) sys.Cmd {
		return sys.Cmd{Does: does, Argv: append([]string{"git", "-C", o.Dir}, argv...), Env: git.Env}
	}
	c := []sys.Cmd{
		{Does: "copy the config repo's files to memory", Argv: []string{"cp", "-R", "-T", "--", o.Local, o.Dir}},
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
		git("record its commit as the remote's", "update-ref", "--create-reflog", "refs/remotes/origin/"+branch, "HEAD"),
		git("make the branch track the remote's", "branch", "--quiet", "--set-upstream-to=origin/"+branch),
		git("make a pull replace it", "config", "branch."+branch+".rebase", "true"),
	)
}
