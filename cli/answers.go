package cli

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// installFlags are the answers of an install, as flags.
type installFlags struct {
	steps.Answers
	host, disk, bundle             string
	passphrase, recovery           secretFlag
	ageIdentity, deployKey         secretFlag
	bundlePass                     secretFlag
	noPower, startOver, unattended bool
	planFile                       string
	planned                        *steps.Install // of that file
	events, log                    string
}

func (f *installFlags) register(c *cobra.Command) {
	p := engine.DefaultPaths()
	fl := c.Flags()
	fl.StringVar(&f.host, "host", "", "the host to install: a known name, or a path to a host.toml")
	fl.StringVar(&f.disk, "disk", "", "the target disk, by any of its paths; default $INSTALL_DISK, else the best one, if the choice is clear")
	f.passphrase = secretFlag{name: "passphrase", line: true}
	f.passphrase.register(c, "passphrase-file", "read the LUKS passphrase from this file; a line break at its end is ignored", "read the LUKS passphrase from this open file descriptor")
	f.recovery = secretFlag{name: "recovery-key", line: true}
	f.recovery.register(c, "recovery-key-file", "add the recovery key in this file to the LUKS container, as a second key", "read the recovery key from this open file descriptor")
	f.ageIdentity = secretFlag{name: "age-identity"}
	f.ageIdentity.register(c, "age-identity", "the host's age identity file", "read the age identity from this open file descriptor")
	f.deployKey = secretFlag{name: "deploy-key"}
	f.deployKey.register(c, "deploy-key", "the ssh private key that clones the config repo and is installed for targetUser", "read the deploy key from this open file descriptor")
	f.bundlePass = secretFlag{name: "bundle-passphrase", line: true}
	f.bundlePass.register(c, "bundle-passphrase-file", "read the passphrase of the sealed keys from this file", "read the passphrase of the sealed keys from this open file descriptor")
	fl.StringVar(&f.bundle, "bundle", "", "the file of the host's sealed keys; default: those on the medium, if their passphrase is given")
	fl.BoolVar(&f.noPower, "no-power", false, "leave the machine on at the end, whatever the host says")
	fl.BoolVar(&f.startOver, "start-over", false, "start over and ignore an unfinished install that could be resumed")
	for _, o := range steps.Options {
		if o.Text != nil {
			fl.StringVar(o.Text(&f.Answers), o.Flag, "", o.Usage)
		} else {
			fl.BoolVar(o.Switch(&f.Answers), o.Flag, false, o.Usage)
		}
	}
	fl.StringVar(&f.events, "events", p.Events, "write the events here")
	fl.StringVar(&f.log, "log-file", p.Log, "write the log here")
	c.MarkFlagsMutuallyExclusive("no-age-identity", "age-identity", "age-identity-fd", "bundle-passphrase-file", "bundle-passphrase-fd")
	c.MarkFlagsMutuallyExclusive("resume", "start-over")
}

func (f *installFlags) paths() engine.Paths {
	return engine.Paths{Dir: engine.RunDir, Events: f.events, Log: f.log}
}

// answers reads the flags and the files that they name. It does not choose the disk.
func (f *installFlags) answers(h hosts.Host) (steps.Answers, error) {
	f.disk = cmp.Or(f.disk, os.Getenv("INSTALL_DISK"))
	a := f.Answers
	a.Host, a.HostArg, a.Power, a.Unattended = h, f.host, !f.noPower, f.unattended
	a.Remote = cmp.Or(a.Remote, os.Getenv("REPO_REMOTE"))
	var err error
	var bundlePass []byte
	defer func() { clear(bundlePass) }()
	for _, secret := range []struct {
		into *[]byte
		from *secretFlag
	}{
		{&a.Passphrase, &f.passphrase},
		{&a.RecoveryKey, &f.recovery},
		{&a.AgeIdentity, &f.ageIdentity},
		{&a.DeployKey, &f.deployKey},
		{&bundlePass, &f.bundlePass},
	} {
		if *secret.into, err = secret.from.read(); err != nil {
			a.Wipe()
			return a, err
		}
	}
	if err := f.openBundle(&a, bundlePass); err != nil {
		a.Wipe()
		return a, err
	}
	a.FromMedium(steps.Medium, steps.MediumHosts)
	return a, nil
}

// openBundle decrypts the sealed keys, if a passphrase is given, and adds them to the
// answers.
func (f *installFlags) openBundle(a *steps.Answers, passphrase []byte) error {
	if len(passphrase) == 0 {
		if f.bundle != "" {
			return engine.Usage("give it with --bundle-passphrase-file or --bundle-passphrase-fd", "--bundle: the sealed keys need a passphrase")
		}
		return nil
	}
	sealed, err := steps.ReadBundle(f.bundle, a.Host.TargetHost)
	if err != nil {
		return err
	}
	if sealed == nil {
		return engine.Usage("name it with --bundle", "this medium has no sealed keys of %s", a.Host.TargetHost)
	}
	where := f.bundlePass.file
	if where == "" {
		where = fmt.Sprintf("descriptor %d", f.bundlePass.fd)
	}
	keys, err := steps.OpenBundleFrom(where, a.Host.TargetHost, sealed, passphrase)
	if err != nil {
		return err
	}
	a.TakeKeys(keys)
	return nil
}

// unattendedAnswers finds the host and checks the files of the secrets. It is stricter
// than --confirm yes, because no operator can answer a question or see a mistake.
func (f *installFlags) unattendedAnswers() error {
	if !f.unattended {
		return nil
	}
	if f.host == "" {
		host, err := onlyHost(steps.MediumHosts)
		if err != nil {
			return err
		}
		f.host = host
	}
	var bad problems
	for flag, s := range f.secretFiles() {
		bad.add(notForOthers(flag, s.file))
	}
	return bad.err()
}

// onlyHost returns the host.toml of a medium that has one host.
func onlyHost(dir string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "host.toml")) // the pattern is good
	switch len(found) {
	case 0:
		return "", engine.Usage("name the host with --host", "--unattended: the medium has no host in %s", dir)
	case 1:
		return found[0], nil
	}
	for i, f := range found {
		found[i] = filepath.Base(filepath.Dir(f))
	}
	return "", engine.Usage("name one of them with --host", "--unattended: the medium has several hosts: %s", strings.Join(found, ", "))
}

// secretFiles yields the flags that name a file with a secret.
func (f *installFlags) secretFiles() iter.Seq2[string, *secretFlag] {
	return func(yield func(string, *secretFlag) bool) {
		_ = yield("--passphrase-file", &f.passphrase) && yield("--recovery-key-file", &f.recovery) && yield("--age-identity", &f.ageIdentity) &&
			yield("--deploy-key", &f.deployKey) && yield("--bundle-passphrase-file", &f.bundlePass)
	}
}

// exposed returns a warning for each secret of the install that other users can read.
func (f *installFlags) exposed() (list []string) {
	for _, s := range f.secretFiles() {
		list = append(list, exposed(s.file)...)
	}
	return list
}
