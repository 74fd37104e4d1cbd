package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/git"
	"auto-installer/secrets"
	"auto-installer/steps"
	"auto-installer/tasks/newhost"
	"auto-installer/tasks/rekey"
)

// newHost is the flags of new-host.
type newHost struct {
	taskFlags
	repo, hostsDir, ageIdentity         string
	luks, prebuilt, replace, allowDirty bool
	noEval                              bool
	swap, remote, user, keymap          string
	identities, recipients              []string
	pass                                secretFlag
}

func newHostCommand() *cobra.Command {
	var f newHost
	c := &cobra.Command{
		Use: "new-host [NAME]", Short: "Add a host to the config repo: keys, definition, sealed bundle, secrets",
		Long: "Add a host to the config repo: make its age identity and deploy key, seal them with a\n" +
			"passphrase, enter the recipient in keys.nix, write hosts/NAME, re-encrypt the secrets that it\n" +
			"may read, and evaluate the result. If it is interrupted, run it again. Without NAME it asks.",
		Args: cobra.MaximumNArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				name, err := f.ask(cmd)
				if err != nil {
					return err
				}
				args = []string{name}
			}
			return f.add(cmd, args[0])
		}),
	}
	f.register(c)
	fl := c.Flags()
	fl.StringVar(&f.repo, "repo", ".", "the config repo")
	fl.StringVar(&f.hostsDir, "hosts-dir", "hosts", "the folder of the hosts in the repo")
	fl.StringVar(&f.ageIdentity, "age-identity", "", "seal this age identity, which the host has already, instead of a new one")
	fl.BoolVar(&f.luks, "luks", false, "encrypt the root file system with LUKS2")
	fl.StringVar(&f.swap, "swap", "", "make a swap partition of this size, such as 8G")
	fl.BoolVar(&f.prebuilt, "prebuilt", false, "put the whole system on the medium, to install without a network")
	fl.StringVar(&f.remote, "remote", "", "git URL of the config repo; default: its remote origin")
	fl.StringVar(&f.user, "user", "", "who gets the deploy key and owns the clone")
	fl.StringVar(&f.keymap, "keymap", "", "keymap of the console, such as de")
	fl.StringArrayVarP(&f.identities, "identity", "i", nil, "a private key that opens the secrets, to encrypt them anew; default: those of ~/.ssh")
	f.pass = secretFlag{name: "bundle-passphrase", line: true}
	f.pass.register(c, "bundle-passphrase-file", "read the passphrase to seal the keys with from this file", "read it from this open file descriptor")
	fl.StringArrayVarP(&f.recipients, "recipient", "r", nil, "seal the keys to this public key beside the passphrase; may be given several times")
	fl.BoolVar(&f.replace, "replace", false, "give a host that is there new keys, and leave its definition")
	fl.BoolVar(&f.allowDirty, "allow-dirty", false, "go on although keys.nix has changes that are not committed")
	fl.BoolVar(&f.noEval, "no-eval", false, "do not evaluate the result with nix")
	return c
}

func (f *newHost) add(cmd *cobra.Command, name string) error {
	if f.hostsDir = filepath.Clean(f.hostsDir); !filepath.IsLocal(f.hostsDir) || !hostsDirName.MatchString(f.hostsDir) {
		return engine.Usage("name it as it is below the repo, such as nixos/hosts: letters, digits and . _ + - /", "--hosts-dir: %q is no folder in the repo", f.hostsDir)
	}
	o := newhost.Request{Dir: f.repo, HostsDir: f.hostsDir, Replace: f.replace, AllowDirty: f.allowDirty, Evaluate: !f.noEval, Looking: f.dryRun}
	var err error
	if o.Host, err = f.definition(cmd, name); err != nil {
		return err
	}
	for _, r := range f.recipients {
		recipient, err := secrets.ParseRecipient(r)
		if err != nil {
			return engine.Usage("name a public key: age1… or ssh-ed25519 …", "--recipient: %v", err)
		}
		if err := rekey.NeedPlugin(recipient); err != nil {
			return err
		}
		o.Recipients = append(o.Recipients, recipient)
	}
	if o.Identity, err = f.identity(); err != nil {
		return err
	}
	defer o.Identity.Wipe()
	if !f.dryRun {
		if o.Passphrase, err = f.passphrase(cmd, o.Host); err != nil {
			return err
		}
		defer clear(o.Passphrase)
		if o.Held, err = heldKeys(f.identities); err != nil {
			return err
		}
	}
	plan, err := newhost.Plan(o)
	if err != nil {
		return err
	}
	if !f.dryRun { // nothing is read then
		plan.Warnings = append(plan.Warnings, exposed(append(keyFiles(f.identities), f.pass.file)...)...)
	}
	return f.run(cmd, "new-host", plan)
}

// hostsDirName is a path that Nix takes as it is.
var hostsDirName = regexp.MustCompile(`^[a-zA-Z0-9._+/-]+$`)

// identity is the one of --age-identity, or nil.
func (f *newHost) identity() (*secrets.Identity, error) {
	if f.ageIdentity == "" {
		return nil, nil
	}
	data, err := readSecretFile("--age-identity", f.ageIdentity)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	id, err := secrets.ParseIdentity(data)
	if err != nil {
		return nil, engine.Usage("name the host's /etc/age/NAME.agekey", "--age-identity: %v", err)
	}
	return id, nil
}

// definition is the host that the flags describe, with labels after its name.
func (f *newHost) definition(cmd *cobra.Command, name string) (hosts.Host, error) {
	h := hosts.Default()
	if err := hosts.CheckName(name); err != nil {
		return h, engine.Usage("choose another name", "%v", err)
	}
	if _, err := os.Stat(f.repo); err != nil {
		return h, engine.Usage("name a folder that is there", "--repo: %v", err)
	}
	if f.replace {
		file := filepath.Join(f.repo, f.hostsDir, name, "host.toml")
		if _, err := os.Stat(file); err == nil {
			if h, err = hosts.Load(file); err != nil {
				return h, steps.HostError(err)
			}
			return h, nil
		}
	}
	h.TargetHost, h.Prebuilt, h.TargetUser = name, f.prebuilt, f.user
	h.Keymap = cmp.Or(f.keymap, h.Keymap)
	h.Labels = hosts.LabelsFor(name, f.luks, f.swap != "")
	h.LUKS.Enable = f.luks
	h.Swap.Enable, h.Swap.Size = f.swap != "", cmp.Or(f.swap, h.Swap.Size)
	h.RepoRemote = f.remote
	if h.RepoRemote == "" {
		h.RepoRemote = git.Origin(cmd.Context(), f.repo)
	}
	if h.RepoRemote == "" && !f.prebuilt {
		return h, engine.Usage("`git remote add origin URL` in the config repo, or --remote URL: the machine clones it from there",
			"%s has no remote called origin, and there is no --remote", f.repo)
	}
	if f.user != "" && f.user != "root" {
		h.RepoClonePath = "/mnt/home/" + f.user + "/nix-config"
	}
	if bad := h.Validate(); len(bad) > 0 {
		return h, engine.Usage(flagOf(bad[0].Key)+": "+bad[0].Allowed, "%s %s", flagOf(bad[0].Key), bad[0].Problem)
	}
	return h, nil
}

// flagOf is the flag that sets a key of host.toml.
func flagOf(key string) string {
	for prefix, flag := range map[string]string{
		"repoRemote": "--remote", "targetUser": "--user", "repoClonePath": "--user", "keymap": "--keymap", "swap": "--swap",
	} {
		if strings.HasPrefix(key, prefix) {
			return flag
		}
	}
	return key
}

// passphrase is what the keys of a host are sealed with: of the flags, or asked
// for twice. It is typed with the keymap of the host.
func (f *newHost) passphrase(cmd *cobra.Command, h hosts.Host) ([]byte, error) {
	pass, err := f.pass.read()
	if err == nil && pass == nil {
		pass, err = f.askTwice("Passphrase to seal the keys of " + h.TargetHost + " with")
	}
	if err != nil {
		return nil, err
	}
	note, err := steps.TypableWith(cmd.Context(), "passphrase of the sealed keys", pass, h.Keymap)
	if err != nil {
		clear(pass)
		return nil, err
	}
	if note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+note)
	}
	return pass, nil
}

// askTwice asks for a new passphrase on the terminal. Where there is none, the
// recipients will do.
func (f *newHost) askTwice(question string) ([]byte, error) {
	const hint = "give it with --bundle-passphrase-file or --bundle-passphrase-fd, or seal to a --recipient"
	first, err := askPassphrase(question)
	switch {
	case errors.Is(err, errNotTyped):
		return nil, engine.Usage(hint, "%v", err)
	case err != nil && len(f.recipients) > 0:
		fmt.Fprintln(os.Stderr, "warning: there is no terminal to ask for a passphrase on: only the recipients' keys will open the bundle, and the installer takes a passphrase")
		return nil, nil
	case err != nil:
		return nil, engine.Usage(hint, "there is no terminal to ask for a passphrase on")
	}
	second, err := askPassphrase("Once more")
	defer clear(second)
	switch {
	case err != nil:
		err = engine.Usage(hint, "%v", err)
	case len(first) == 0:
		err = engine.Usage("type one", "the passphrase is empty")
	case !bytes.Equal(first, second):
		err = engine.Usage("run it again", "the two passphrases differ")
	default:
		fmt.Fprintf(os.Stderr, "It is %s.\n", steps.PassphraseStrength(first).Advice)
		return first, nil
	}
	clear(first)
	return nil, err
}

// ask fills the flags, and returns the host's name.
func (f *newHost) ask(cmd *cobra.Command) (name string, err error) {
	q := ask(cmd)
	if !q.terminal {
		return "", engine.Usage("name it: auto-installer new-host NAME", "there is no name, and no terminal to ask for it on")
	}
	for name == "" || hosts.CheckName(name) != nil {
		if name, err = q.line("Name of the host", ""); err != nil {
			return "", err
		}
		if bad := hosts.CheckName(name); bad != nil {
			fmt.Fprintln(q.out, bad)
		}
	}
	if f.luks, err = q.yes("Encrypt its disk", f.luks); err != nil {
		return "", err
	}
	for _, a := range []struct {
		question  string
		into      *string
		otherwise string
	}{
		{"Swap partition, such as 8G, or nothing", &f.swap, f.swap},
		{"Git URL of the config repo", &f.remote, cmp.Or(f.remote, git.Origin(cmd.Context(), f.repo))},
		{"User who gets the deploy key, or nothing", &f.user, f.user},
		{"Keymap of the console", &f.keymap, cmp.Or(f.keymap, hosts.Default().Keymap)},
	} {
		if *a.into, err = q.line(a.question, a.otherwise); err != nil {
			return "", err
		}
	}
	return name, nil
}
