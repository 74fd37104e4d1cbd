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

	"auto-installer/cli/secret"
	"auto-installer/hosts"
	"auto-installer/internal/git"
	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/steps"
	"auto-installer/tasks/newhost"
)

// newHost are the flags of new-host.
type newHost struct {
	taskFlags
	repo, hostsDir, ageIdentity         string
	luks, prebuilt, replace, allowDirty bool
	noEval                              bool
	swap, remote, user, keymap          string
	identities                          []string
	pass                                secret.Flag
}

func newHostCommand() *cobra.Command {
	var f newHost
	c := &cobra.Command{
		Use: "new-host [NAME]", Short: "Add a host to the config repo: keys, definition, sealed keys, secrets",
		Long: "Add a host to the config repo: make its age identity and deploy key, seal both with a\n" +
			"passphrase, add the recipient to keys.nix, write hosts/NAME, re-encrypt the secrets that the\n" +
			"host may read, and evaluate the result. Without NAME, it asks for everything.",
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
	fl.StringVar(&f.hostsDir, "hosts-dir", "hosts", "the folder of the hosts, below the repo")
	fl.StringVar(&f.ageIdentity, "age-identity", "", "seal this existing age identity of the host in place of a new one")
	fl.BoolVar(&f.luks, "luks", false, "encrypt the root file system with LUKS2")
	fl.StringVar(&f.swap, "swap", "", "make a swap partition of this size, such as 8G")
	fl.BoolVar(&f.prebuilt, "prebuilt", false, "put the whole system on the medium, to install it without a network")
	fl.StringVar(&f.remote, "remote", "", "the git URL of the config repo; default: its remote origin")
	fl.StringVar(&f.user, "user", "", "the user who gets the deploy key and owns the clone")
	fl.StringVar(&f.keymap, "keymap", "", "the keymap of the console, such as de")
	fl.StringArrayVarP(&f.identities, "identity", "i", nil, "a private key that decrypts the secrets, to re-encrypt them; default: those in ~/.ssh")
	f.pass = secret.Flag{Name: "bundle-passphrase", Line: true}
	f.pass.Register(c, "read the passphrase of the sealed keys from this file")
	fl.BoolVar(&f.replace, "replace", false, "give an existing host new keys, and leave its definition unchanged")
	fl.BoolVar(&f.allowDirty, "allow-dirty", false, "edit keys.nix although it has uncommitted changes")
	fl.BoolVar(&f.noEval, "no-eval", false, "do not evaluate the result with nix")
	return c
}

func (f *newHost) add(cmd *cobra.Command, name string) error {
	if f.hostsDir = filepath.Clean(f.hostsDir); !filepath.IsLocal(f.hostsDir) || !hostsDirName.MatchString(f.hostsDir) {
		return sys.Usage("give a path below the repo, such as nixos/hosts, of letters, digits and . _ + - /", "--hosts-dir: %q is not a folder below the repo", f.hostsDir)
	}
	o := newhost.Request{Dir: f.repo, HostsDir: f.hostsDir, Replace: f.replace, AllowDirty: f.allowDirty, Evaluate: !f.noEval, Looking: f.dryRun}
	var err error
	if o.Host, err = f.definition(cmd, name); err != nil {
		return err
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
		if o.Held, err = secret.Held(f.identities, secret.Ask); err != nil {
			return err
		}
	}
	plan, err := newhost.Plan(o)
	if err != nil {
		return err
	}
	if !f.dryRun { // a dry run reads no secret
		plan.Warnings = append(plan.Warnings, secret.Exposed(append(secret.KeyFiles(f.identities), f.pass.File)...)...)
	}
	return f.run(cmd, "new-host", plan)
}

// hostsDirName matches a path that Nix accepts without quotes.
var hostsDirName = regexp.MustCompile(`^[a-zA-Z0-9._+/-]+$`)

// identity returns the identity of --age-identity, or nil.
func (f *newHost) identity() (*secrets.Identity, error) {
	data, err := secret.ReadFile("--age-identity", f.ageIdentity)
	if data == nil || err != nil {
		return nil, err
	}
	defer clear(data)
	id, err := secrets.ParseIdentity(data)
	if err != nil {
		return nil, sys.Usage("name the host's /etc/age/NAME.agekey", "--age-identity: %v", err)
	}
	return id, nil
}

// definition returns the host that the flags describe. Its labels are made from its name.
func (f *newHost) definition(cmd *cobra.Command, name string) (hosts.Host, error) {
	h := hosts.Default()
	if err := hosts.CheckName(name); err != nil {
		return h, sys.Usage("choose another name", "%v", err)
	}
	if _, err := os.Stat(f.repo); err != nil {
		return h, sys.Usage("name an existing folder", "--repo: %v", err)
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
		return h, sys.Usage("run `git remote add origin URL` in the config repo, or add --remote URL: the host clones the repo from there",
			"%s has no remote origin, and --remote is missing", f.repo)
	}
	if f.user != "" && f.user != "root" {
		h.RepoClonePath = "/mnt/home/" + f.user + "/nix-config"
	}
	if bad := h.Validate(); len(bad) > 0 {
		return h, sys.Usage(flagOf(bad[0].Key)+": "+bad[0].Allowed, "%s %s", flagOf(bad[0].Key), bad[0].Problem)
	}
	return h, nil
}

// flagOf returns the flag that sets a key of host.toml.
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

// passphrase returns the passphrase of the sealed keys: from the flags, or typed twice.
// On the machine it is typed with the host's keymap.
func (f *newHost) passphrase(cmd *cobra.Command, h hosts.Host) ([]byte, error) {
	pass, err := f.pass.Read()
	if err == nil && pass == nil {
		pass, err = askTwice("Passphrase to seal the keys of " + h.TargetHost + " with")
	}
	if err != nil {
		return nil, err
	}
	note, err := passphrases.TypableWith(cmd.Context(), "passphrase of the sealed keys", pass, h.Keymap)
	if err != nil {
		clear(pass)
		return nil, err
	}
	if note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+note)
	}
	return pass, nil
}

// askTwice asks for a new passphrase on the terminal.
func askTwice(question string) ([]byte, error) {
	const hint = "give it with --bundle-passphrase-file or --bundle-passphrase-fd"
	first, err := secret.Ask(question)
	switch {
	case errors.Is(err, secret.ErrNotTyped):
		return nil, sys.Usage(hint, "%v", err)
	case err != nil:
		return nil, sys.Usage(hint, "no terminal to ask for a passphrase")
	}
	second, err := secret.Ask("Repeat the passphrase")
	defer clear(second)
	switch {
	case err != nil:
		err = sys.Usage(hint, "%v", err)
	case len(first) == 0:
		err = sys.Usage("run it again and type one", "the passphrase is empty")
	case !bytes.Equal(first, second):
		err = sys.Usage("run it again", "the two passphrases differ")
	default:
		fmt.Fprintf(os.Stderr, "The passphrase is %s.\n", passphrases.StrengthOf(first).Advice)
		return first, nil
	}
	clear(first)
	return nil, err
}

// ask asks for the flags and returns the host's name.
func (f *newHost) ask(cmd *cobra.Command) (name string, err error) {
	q := ask(cmd)
	if !q.terminal {
		return "", sys.Usage("name the host: auto-installer new-host NAME", "no host name, and no terminal to ask for it")
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
		{"Size of the swap partition, such as 8G (empty: none)", &f.swap, f.swap},
		{"Git URL of the config repo", &f.remote, cmp.Or(f.remote, git.Origin(cmd.Context(), f.repo))},
		{"User who gets the deploy key (empty: none)", &f.user, f.user},
		{"Keymap of the console", &f.keymap, cmp.Or(f.keymap, hosts.Default().Keymap)},
	} {
		if *a.into, err = q.line(a.question, a.otherwise); err != nil {
			return "", err
		}
	}
	return name, nil
}
