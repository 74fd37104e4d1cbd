//go:build e2e

package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// builder is the machine on which hosts are prepared: this one, with the lab's
// nix and a store of its own.
type builder struct {
	t       *testing.T
	program string // the program under test
	repo    string // the config repo
	home    string
	env     []string
	spoken  bytes.Buffer // all output of commands
}

func newBuilder(t *testing.T, image Image) *builder {
	t.Helper()
	dir := t.TempDir()
	// nix makes the folders of its store read-only: a user cannot remove them.
	t.Cleanup(func() { _, _ = tool(context.Background(), "chmod", "-R", "u+w", dir) })
	givePrograms(t, dir)
	b := &builder{t: t, program: filepath.Join(dir, "auto-installer"), repo: filepath.Join(dir, "config"), home: filepath.Join(dir, "home")}
	for _, d := range []string{b.repo, b.home} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b.env = append(os.Environ(),
		"PATH="+filepath.Join(image.Dir, "nix/bin")+":"+os.Getenv("PATH"), "HOME="+b.home, "XDG_RUNTIME_DIR="+b.home,
		"NIX_REMOTE="+filepath.Join(dir, "store"), "NIX_CONFIG=experimental-features = nix-command flakes\nsubstituters =\nbuild-users-group =\n",
		"GIT_AUTHOR_NAME=me", "GIT_AUTHOR_EMAIL=me@localhost", "GIT_COMMITTER_NAME=me", "GIT_COMMITTER_EMAIL=me@localhost",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	return b
}

// run runs a command in the config repo and returns its exit code.
func (b *builder) run(argv ...string) (exit int, out string) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = b.repo, b.env
	said, err := cmd.CombinedOutput()
	b.spoken.Write(said)
	if cmd.ProcessState == nil {
		b.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

// must runs a command that must succeed.
func (b *builder) must(argv ...string) string {
	b.t.Helper()
	exit, out := b.run(argv...)
	if exit != 0 {
		b.t.Fatalf("%s: exit code %d\n%s", argv, exit, out)
	}
	return out
}

func (b *builder) shell(script string) string {
	b.t.Helper()
	return b.must("bash", "-euo", "pipefail", "-c", script)
}

// fromTemplate makes the config repo from the project's template. Stand-ins within the
// repo replace the template's inputs.
func (b *builder) fromTemplate(image Image) {
	b.t.Helper()
	project, err := filepath.Abs("..")
	if err != nil {
		b.t.Fatal(err)
	}
	b.shell(`
		nix flake init -t git+file://` + project + `
		mkdir -p lab/auto-installer lab/nixpkgs/demo
		git -C ` + project + ` ls-files -z --cached --others --exclude-standard flake.nix modules hosts lab/nix |
			(cd ` + project + ` && xargs -0 cp --parents -t "$OLDPWD/lab/auto-installer")
		cp -r ` + project + `/lab/nix/nixpkgs/. ` + project + `/lab/nix/template/agenix ` + project + `/lab/nix/template/demo.nix lab/nixpkgs/
		mv lab/nixpkgs/agenix lab/agenix
		cp ` + project + `/lab/nix/lib.nix lab/nixpkgs/
		sed -i -e 's|^nixpkgsLib:|nixpkgsLib: parts:|' \
			-e 's|modules = \[ ./options.nix \]|modules = [ ./options.nix (import ./demo.nix parts) ]|' lab/nixpkgs/outputs.nix
		cat >lab/nixpkgs/flake.nix <<-END
			{
			  inputs.parts = {
			    url = "path:$(nix store add --name source ` + image.Parts() + `)";
			    flake = false;
			  };
			  outputs = { self, parts }: import ./outputs.nix (import ./lib.nix) parts;
			}
		END
		git -C ` + image.GitRepo() + ` archive HEAD system | tar -x -C lab/nixpkgs/demo
		sed -i \
			-e 's|"github:NixOS/nixpkgs/[^"]*"|"path:./lab/nixpkgs"|' \
			-e 's|"github:ryantm/agenix"|"path:./lab/agenix"|' \
			-e 's|auto-installer.url = .*|auto-installer.url = "path:./lab/auto-installer";|' \
			-e '/agenix.inputs.nixpkgs/d' flake.nix
		git init --quiet --initial-branch=main
		git add --all
		nix flake lock
		git add flake.lock`)
}

const bundlePassphrase = "seal these keys for vega"

// TestNewHost goes from nothing to a machine that opens its secrets: the template, a new
// host, its secrets encrypted to it, and an install whose sealed keys are opened at the
// keyboard.
func TestNewHost(t *testing.T) {
	t.Parallel()
	image, err := liveImage()
	if err != nil {
		t.Fatal(err)
	}
	b := newBuilder(t, image)
	b.fromTemplate(image)
	// The operator's own key, and a secret that only the operator can open yet.
	b.shell(`
		ssh-keygen -q -t ed25519 -N '' -C me -f ` + b.home + `/key
		sed -i "s|me = \".*\";|me = \"$(cat ` + b.home + `/key.pub)\";|" secrets/keys.nix
		mkdir secrets/sample
		printf secret | age -R ` + b.home + `/key.pub -o secrets/sample/wifi.age
		git add --all
		git commit --quiet -m 'From the template'`)
	out := b.must("bash", "-c", `exec "$@" 3<<<"`+bundlePassphrase+`"`, "new-host",
		b.program, "new-host", "vega", "--user", "me", "--remote", "git://10.0.2.100/nix-config.git",
		"--bundle-passphrase-fd", "3", "--identity", b.home+"/key")
	if !strings.Contains(out, "the installer of vega evaluates") || !strings.Contains(out, "INSTALLER SSH PUBLIC KEY for vega:\nssh-ed25519 ") {
		t.Errorf("new-host says\n%s", out)
	}
	b.shell(`
		printf '%s' '` + greeting + `' | age -R ` + b.home + `/key.pub -o secrets/greeting.age
		sed -i 's|^}$|  "greeting.age".publicKeys = keys.vega;\n}|' secrets/secrets.nix
		echo '{ age.secrets.greeting.file = ../../secrets/greeting.age; }' >hosts/vega/configuration.nix
		git add --all`)
	if exit, out := b.run(b.program, "rekey", "--check", "--identity", b.home+"/key"); exit != 7 || !strings.Contains(out, "greeting.age") {
		t.Errorf("before rekey, --check: exit code %d\n%s", exit, out)
	}
	b.must(b.program, "rekey", "--identity", b.home+"/key")
	b.must(b.program, "rekey", "--check", "--identity", b.home+"/key")
	served := t.TempDir()
	b.shell(`
		git add --all
		git commit --quiet -m 'Add vega'
		git clone --quiet --bare . ` + served + `/nix-config.git`)
	definition := b.shell(`nix eval --raw .#nixosConfigurations.vega-installer.config.autoInstaller.hostFile.env.file.text`)
	sealed, err := os.ReadFile(filepath.Join(b.repo, "hosts/vega/bundle.age"))
	if err != nil {
		t.Fatal(err)
	}

	ctx := t.Context()
	target := disk(t, "TARGET", NVMe, 512, 5*gib)
	i := liveMachine(t, Config{Network: GitServer, GitDir: served, Disks: []Disk{target}})
	shell(t, i.Machine, "mkdir -p /etc/auto-installer/hosts/vega")
	i.write("/etc/auto-installer/hosts/vega/host.toml", definition)
	i.write("/etc/auto-installer/hosts/vega/bundle.age", string(sealed))
	spy := i.spyOnProcesses("nixos-install")
	o := i.operator()
	i.must(o.Welcome(ctx))
	i.must(o.Keyboard(ctx))
	i.must(o.Keys(ctx, "seal those keys", bundlePassphrase))
	i.must(o.ChooseDisk(ctx, "TARGET"))
	i.must(o.Plan(ctx))
	i.must(o.Yes(ctx))
	i.must(o.Watch(ctx))
	lap(t, i.Machine, "done")
	i.timed()
	i.letGo()
	private := i.privateLines("/mnt-look", target)
	i.secretless(map[string]string{"build machine's output": b.spoken.String(), "processes": spy()}, append(private, bundlePassphrase, greeting)...)
	i.notInFiles(append(private, bundlePassphrase, greeting)...)
	i.ends(o, target)
	for _, secret := range []string{bundlePassphrase, greeting} {
		notIn(t, i.Out, secret)
		notIn(t, target.Path, secret)
		notIn(t, b.repo, secret)
	}
	m := i.boots(target, "vega", nil)
	for path, want := range map[string]string{
		"/etc/age/vega.agekey": "600 0:0 in 700", "/home/me/.ssh/id_deploy": "600 1000:100 in 700",
	} {
		if got := fact(m, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if !decrypted(m) {
		t.Errorf("the secrets are %+v", m.Secrets)
	}
}

// notInFiles searches the live system's files in memory: its temporary files, and
// everything it has written over the stick's.
func (i *installer) notInFiles(secrets ...string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), Hung)
	defer cancel()
	r, err := i.Agent.Run(ctx, []byte(strings.Join(secrets, "\n")+"\n"), "bash", "-c", `
		cat >/dev/shm/patterns
		grep -rIlsF -f /dev/shm/patterns /tmp /run /var /root /etc /home --exclude-dir=udev
		grep -lsF -f /dev/shm/patterns /dev/shm/[!p]* || true
		rm /dev/shm/patterns`)
	if err != nil {
		i.t.Fatal(err)
	}
	if found := strings.TrimSpace(string(r.Stdout)); found != "" {
		i.t.Errorf("secrets are in\n%s", found)
	}
}

// privateLines returns the lines of the private keys that an install has written to a
// disk. They must be nowhere else.
func (i *installer) privateLines(at string, target Disk) []string {
	i.t.Helper()
	text := shell(i.t, i.Machine, `
		mkdir -p `+at+`
		mount -o ro `+target.ID()+`-part2 `+at+`
		cat `+at+`/etc/age/*.agekey `+at+`/home/*/.ssh/id_deploy
		umount `+at)
	var lines []string
	for line := range strings.Lines(text) {
		// The first line of every ed25519 key of OpenSSH is the same.
		const same = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ"
		if line = strings.TrimSpace(line); len(line) > 40 && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "-----") && !strings.HasPrefix(line, same) {
			lines = append(lines, line)
		}
	}
	if len(lines) < 3 {
		i.t.Errorf("only %d lines of private keys", len(lines))
	}
	return lines
}
