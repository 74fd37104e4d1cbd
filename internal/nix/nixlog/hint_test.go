package nixlog

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// failed is how Run fails when nix prints these messages, and what it started
// prints that before.
func failed(t *testing.T, signal string, before []string, messages ...string) error {
	t.Helper()
	var said []string
	for _, m := range messages {
		raw, full, _ := strings.Cut(m, "|")
		quote := strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace
		said = append(said, `@nix {"action":"msg","level":0,"msg":"`+quote("error: "+raw+full)+`","raw_msg":"`+quote(raw)+`"}`)
	}
	m := fails{Fake: sys.NewFake(t), said: said, err: &sys.ExitError{Argv: []string{"nix"}, Exit: 1, Signal: signal, Tail: append(before, said...)}}
	return Run(t.Context(), m, sys.Cmd{Argv: []string{"nix"}})
}

type fails struct {
	*sys.Fake
	said []string
	err  error
}

func (f fails) Lines(_ context.Context, _ sys.Cmd, each func(string)) error {
	for _, line := range f.said {
		each(line)
	}
	return f.err
}

// The messages are those of nix 2.18 to 2.34.
func TestHint(t *testing.T) {
	const drv = "/nix/store/f5yy0dki9jpjxcwxcbp2kdgykvv131dv-a.drv"
	for name, c := range map[string]struct {
		messages []string
		before   []string
		signal   string
		hint     string
		code     sys.Code
		cause    string
	}{
		"disk full":     {messages: []string{"writing to file: No space left on device"}, hint: "nix-collect-garbage", code: sys.CodeMachine},
		"database full": {messages: []string{"executing SQLite statement 'x': database or disk is full, database or disk is full (in '/nix/var/nix/db/db.sqlite')"}, hint: "df -h", code: sys.CodeMachine},
		"killed":        {signal: "killed", hint: "free some memory", code: sys.CodeMachine},
		"no daemon":     {messages: []string{"cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory"}, hint: "systemctl start nix-daemon.socket", code: sys.CodeMachine},
		"another owner": {messages: []string{"repository path '/srv/c' is not owned by current user"}, hint: "safe.directory '/srv/c'", code: sys.CodeSource},
		"no network": {
			messages: []string{"unable to download 'https://api.github.com/repos/a/b/commits/HEAD': Could not resolve hostname (6) Could not resolve host: api.github.com"},
			hint:     "can reach the host", code: sys.CodeSource, cause: "Could not resolve host: api.github.com",
		},
		"no network, by ssh": {
			before:   []string{"ssh: Could not resolve hostname h: Name or service not known", "fatal: Could not read from remote repository."},
			messages: []string{"Cannot find Git revision 'x' in ref 'master' of repository 'ssh://git@h/x'!"},
			hint:     "can reach the host", code: sys.CodeSource,
		},
		"no key": {
			before:   []string{"git@github.com: Permission denied (publickey).", "fatal: Could not read from remote repository."},
			messages: []string{"program 'git' failed with exit code 128"}, hint: "git ls-remote", code: sys.CodeSource,
		},
		"private repo": {
			messages: []string{"unable to download 'https://api.github.com/repos/a/b/commits/HEAD': HTTP error 404"},
			hint:     "flake input https://api.github.com/repos/a/b/commits/HEAD or", code: sys.CodeSource,
		},
		"rate limit": {messages: []string{"unable to download 'https://api.github.com/x': HTTP error 403\n\nresponse body: API rate limit exceeded"}, hint: "access-tokens", code: sys.CodeSource},
		"builder": {
			messages: []string{"builder for '" + drv + "' failed with exit code 3;\nlast 1 log lines:\n> connect: connection refused\nFor full logs, run:\n  nix log " + drv, "1 dependencies of derivation '/nix/store/x-b.drv' failed to build"},
			hint:     "nix log " + drv, code: sys.CodeSource, cause: "builder for '" + drv + "' failed with exit code 3",
		},
		"builder, nix 2.34": {
			messages: []string{"Cannot build '" + drv + "'.\nReason: builder failed with exit code 1.", "Cannot build '/nix/store/x-b.drv'.\nReason: 1 dependency failed."},
			hint:     "nix log " + drv, code: sys.CodeSource,
		},
		"builder, disk full": {messages: []string{"builder for '" + drv + "' failed with exit code 1;\n> cp: error writing: No space left on device"}, hint: "free some space", code: sys.CodeMachine},
		"another system": {
			messages: []string{"a 'aarch64-linux' with features {} is required to build '" + drv + "', but I am a 'x86_64-linux' with features {}"},
			hint:     "remote builder", code: sys.CodeMachine,
		},
		"another system, nix 2.34": {messages: []string{"Cannot build '" + drv + "'.\nReason: required system or feature not available"}, hint: "remote builder", code: sys.CodeMachine},
		"hash":                     {messages: []string{"hash mismatch in fixed-output derivation '" + drv + "':\n specified: a\n got: b"}, hint: "hash that nix got", code: sys.CodeSource},
		"the check of a host":      {messages: []string{"builder for '/nix/store/f5yy0dki9jpjxcwxcbp2kdgykvv131dv-host.toml.drv' failed with exit code 7;\nlast 2 log lines:\n> error: fileSystems.\"/\".device is no label\n> hint: set it"}, hint: "nix log /nix/store/f5yy0dki9jpjxcwxcbp2kdgykvv131dv-host.toml.drv", code: sys.CodeContract},
		"assertions":               {messages: []string{"\nFailed assertions:\n- autoInstaller.deployPublicKey: not a public key\n- b"}, hint: "each assertion names", code: sys.CodeSource, cause: "not a public key - b"},
		"old nix":                  {messages: []string{"'build' is not a recognised command"}, hint: "install nix 2.18 or newer", code: sys.CodeMachine},
		"evaluation":               {messages: []string{"attribute 'foo' missing"}, cause: "error: attribute 'foo' missing"},
	} {
		t.Run(name, func(t *testing.T) {
			err := failed(t, c.signal, c.before, c.messages...)
			hint, code := Hint(err)
			if code != c.code || !strings.Contains(hint, c.hint) || c.hint == "" && hint != "" || !strings.Contains(err.Error(), c.cause) {
				t.Errorf("%v\nhint: %s (%d)", err, hint, code)
			}
		})
	}
	if hint, code := Hint(&exec.Error{Name: "nix", Err: exec.ErrNotFound}); !strings.Contains(hint, "install nix") || code != sys.CodeMachine {
		t.Error(hint, code)
	}
}

func TestPlace(t *testing.T) {
	own := func(file string) bool { return file == "flake.nix" || file == "hosts/a/default.nix" }
	const source = "/nix/store/xqqxw67qiws5dzfljmvmipd7b5pap23g-source/"
	for _, c := range []struct{ full, want string }{
		{"\n       at " + source + "flake.nix:3:41:\n            2|   a", "flake.nix:3"},
		{"\n … while evaluating\n at " + source + "hosts/a/default.nix:7:3:\n at " + source + "lib/modules.nix:9:1:", "hosts/a/default.nix:7"},
		{"\n at /tmp/store" + source + "hosts/a/default.nix:7:3:", "hosts/a/default.nix:7"},
		{"\n at «git+file:///home/me/c»/flake.nix:12:1:", "flake.nix:12"},
		{"\n at " + source + "lib/modules.nix:9:1:", ""},
		{"", ""},
	} {
		if got := Place(failed(t, "", nil, "x|"+c.full), own); got != c.want {
			t.Errorf("%q: %q, want %q", c.full, got, c.want)
		}
	}
}

func TestMissing(t *testing.T) {
	for _, c := range []struct{ says, want string }{
		{"path '/tmp/store/nix/store/xqqxw67qiws5dzfljmvmipd7b5pap23g-source/hosts/c.nix' does not exist", "hosts/c.nix"},
		{"opening file '/nix/store/xqqxw67qiws5dzfljmvmipd7b5pap23g-source/hosts/a/host.toml': No such file or directory", "hosts/a/host.toml"},
		{"path '«git+file:///home/me/c»/hosts/c.nix' does not exist", "hosts/c.nix"},
		{"Path 'hosts/c.nix' in the repository \"/home/me/c\" is not tracked by Git.", "hosts/c.nix"},
		{"path '/etc/x.nix' does not exist", ""},
		{"attribute 'foo' missing", ""},
	} {
		if got := Missing(failed(t, "", nil, c.says)); got != c.want {
			t.Errorf("%q: %q, want %q", c.says, got, c.want)
		}
	}
}
