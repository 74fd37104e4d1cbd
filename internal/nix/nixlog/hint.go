package nixlog

import (
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"auto-installer/internal/sys"
)

// kinds are the failures with a known remedy, by the words of nix, git or ssh (nix
// 2.18 to 2.34). The first match counts. $1 is the text in brackets.
var kinds = []struct {
	says string // a regular expression
	code sys.Code
	hint string
}{
	{
		`(?i)no space left on device|disk is full|disk quota exceeded`,
		sys.CodeMachine, "free some space: `df -h` shows which file system is full, `nix-collect-garbage -d` deletes unused store paths",
	},
	{
		`(?im)out of memory|cannot allocate memory|std::bad_alloc|^killed$`,
		sys.CodeMachine, "free some memory, or add swap: nix ran out of it",
	},
	{
		`(?i)(?:cannot|required to) build '?([^' ]*\.drv)'?[^\n]*(?:, but I am a|\n\s*Reason: required system)`,
		sys.CodeMachine, "run this on a machine of the host's system, or set up a remote builder or boot.binfmt.emulatedSystems",
	},
	{
		`hash mismatch in fixed-output derivation`,
		sys.CodeSource, "put the hash that nix got into the flake, if you trust the fetched file",
	},
	{
		// The check of a host (modules/installer.nix).
		`(?:builder for|[Cc]annot build) '([^']*-host\.toml\.drv)'`,
		sys.CodeContract, "correct the host, its medium or its configuration as its check says; nix log $1 shows it again",
	},
	{
		// Before the network, which the builder's output may mention.
		`(?:builder for|[Cc]annot build) '([^']*\.drv)'`,
		sys.CodeSource, "read its builder's output: nix log $1",
	},
	{
		`cannot (?:connect to socket at|open connection to remote store)`,
		sys.CodeMachine, "start the nix daemon: systemctl start nix-daemon.socket",
	},
	{
		`unrecogni[sz]ed flag|is not a recogni[sz]ed command|unknown experimental feature 'flakes'`,
		sys.CodeMachine, "install nix 2.18 or newer: https://nixos.org/download",
	},
	{
		`repository (?:path )?'([^']*)' is not owned by`,
		sys.CodeSource, "run this as the owner of $1, or trust it: git config --global --add safe.directory '$1'",
	},
	{
		// Before the network, which ssh's output may mention.
		`(?i)permission denied \([^)]*(?:publickey|password)|could not read username|authentication failed|host key verification failed`,
		sys.CodeSource, "let this user read the repo named above: `git ls-remote URL` must work without a prompt",
	},
	{
		`(?i)could not resolve host|name resolution|connection (?:refused|timed out|reset)|could(?:n't| not) connect to|network is (?:unreachable|down)|no route to host|timeout was reached|operation timed out`,
		sys.CodeSource, "check that this machine can reach the host named above, then try again",
	},
	{
		`unable to download '([^']*)': .*HTTP error (?:404|401)`,
		sys.CodeSource, "correct the flake input $1 or, if its repo is private, write it as git+ssh://… in flake.nix",
	},
	{
		`HTTP error (?:403|429)|rate limit`,
		sys.CodeSource, "wait an hour, or set access-tokens in nix.conf: the server has a limit without one",
	},
	{
		`Failed assertions:`,
		sys.CodeSource, "correct the option that each assertion names",
	},
}

// Hint says what to do about a failure of nix, by its output. It is empty for an
// unknown kind.
func Hint(err error) (hint string, code sys.Code) {
	if errors.Is(err, exec.ErrNotFound) {
		return "install nix: https://nixos.org/download", sys.CodeMachine
	}
	text := said(err)
	for _, k := range kinds {
		says := regexp.MustCompile(k.says)
		if m := says.FindStringSubmatchIndex(text); m != nil {
			return string(says.ExpandString(nil, k.hint, text, m)), k.code
		}
	}
	return "", sys.CodeOK
}

// said is the output of a command that failed, or empty.
func said(err error) string {
	exit, ok := errors.AsType[*sys.ExitError](err)
	if !ok {
		return ""
	}
	return strings.Join(append(exit.Tail, exit.Signal), "\n")
}

// place matches a place in a file, as nix prints it: in the copy of a flake in the
// store, or in «git+file:///home/me/c»/.
var place = regexp.MustCompile(`\bat (?:\S*/nix/store/[a-z0-9]{32}-[^/\s]*/|«[^»]*»/)?([^\s:«»]+\.nix|[^\s:«»]*flake\.lock):(\d+)`)

// Place is the last place in the flake's own files that a failed evaluation names,
// as FILE:LINE, or empty.
func Place(err error, isThere func(file string) bool) string {
	last := ""
	for _, m := range place.FindAllStringSubmatch(said(err), -1) {
		if filepath.IsLocal(m[1]) && isThere(m[1]) {
			last = m[1] + ":" + m[2]
		}
	}
	return last
}

// missing matches a file that a flake names and nix does not find.
var missing = regexp.MustCompile(`(?:path '|opening file '|error: Path ')(?:[^']*/nix/store/[a-z0-9]{32}-[^/']*/|[^']*»/)?([^']+)'(?::? (?:does not exist|No such file|in the repository|is not tracked))`)

// Missing is the file of the flake that nix did not find, or empty.
func Missing(err error) string {
	if m := missing.FindStringSubmatch(said(err)); m != nil && filepath.IsLocal(m[1]) {
		return m[1]
	}
	return ""
}
