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

// installFlags are the answers, as flags.
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
	fl.StringVar(&f.host, "host", "", "the host to install: a known name, or the path of a host.toml")
	fl.StringVar(&f.disk, "disk", "", "the disk to install to, any path of it; default $INSTALL_DISK, else the best one if that is clear")
	f.passphrase = secretFlag{name: "passphrase", line: true}
	f.passphrase.register(c, "passphrase-file", "read the LUKS passphrase from this file; one line break at its end is not part of it", "read the LUKS passphrase from this open file descriptor")
	f.recovery = secretFlag{name: "recovery-key", line: true}
	f.recovery.register(c, "recovery-key-file", "add the recovery key in this file as a second key to the LUKS container", "read the recovery key from this open file descriptor")
	f.ageIdentity = secretFlag{name: "age-identity"}
	f.ageIdentity.register(c, "age-identity", "the host's age identity file", "read the age identity from this open file descriptor")
	f.deployKey = secretFlag{name: "deploy-key"}
	f.deployKey.register(c, "deploy-key", "an ssh private key for the config repo, for the clone and for targetUser", "read the deploy key from this open file descriptor")
	f.bundlePass = secretFlag{name: "bundle-passphrase", line: true}
	f.bundlePass.register(c, "bundle-passphrase-file", "read the passphrase of the sealed keys from this file", "read the passphrase of the sealed keys from this open file descriptor")
	fl.StringVar(&f.bundle, "bundle", "", "the host's sealed keys, age identity and deploy key; default: the medium's, if their passphrase is given")
	fl.BoolVar(&f.noPower, "no-power", false, "stay on at the end, whatever the host says")
	fl.BoolVar(&f.startOver, "start-over", false, "begin anew, although an unfinished install could be continued: it is forgotten, and the plan does not speak of it")
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

// answers reads the flags and the files that they name, all but the disk.
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
		{&a.Passphrase, &f.passphrase}, {&a.RecoveryKey, &f.recovery}, {&a.AgeIdentity, &f.ageIdentity}, {&a.DeployKey, &f.deployKey},
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

// openBundle answers with the keys of the sealed bundle, if its passphrase is
// given.
func (f *installFlags) openBundle(a *steps.Answers, passphrase []byte) error {
	if len(passphrase) == 0 {
		if f.bundle != "" {
			return engine.Usage("give it with --bundle-passphrase-file or --bundle-passphrase-fd", "--bundle: there is no passphrase to open it")
		}
		return nil
	}
	sealed, err := steps.ReadBundle(f.bundle, a.Host.TargetHost)
	if err != nil {
		return err
	}
	if sealed == nil {
		return engine.Usage("name it with --bundle", "there are no sealed keys of %s on this medium", a.Host.TargetHost)
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

// An unattended install has nobody to be asked, and nobody who would see that
// it goes wrong: --unattended stands for the word yes, and is stricter.

// unattendedAnswers finds the host, and checks the files of the secrets.
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

// onlyHost is the host.toml of a medium that is for one host.
func onlyHost(dir string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "host.toml")) // the pattern is good
	switch len(found) {
	case 0:
		return "", engine.Usage("name the host with --host", "--unattended: the medium is for no host: there is none in %s", dir)
	case 1:
		return found[0], nil
	}
	for i, f := range found {
		found[i] = filepath.Base(filepath.Dir(f))
	}
	return "", engine.Usage("name one of them with --host", "--unattended: the medium is for several hosts: %s", strings.Join(found, ", "))
}

// secretFiles yields the flags that name files of secrets.
func (f *installFlags) secretFiles() iter.Seq2[string, *secretFlag] {
	return func(yield func(string, *secretFlag) bool) {
		_ = yield("--passphrase-file", &f.passphrase) && yield("--recovery-key-file", &f.recovery) && yield("--age-identity", &f.ageIdentity) &&
			yield("--deploy-key", &f.deployKey) && yield("--bundle-passphrase-file", &f.bundlePass)
	}
}

// exposed warns of the files of an install's secrets.
func (f *installFlags) exposed() (list []string) {
	for _, s := range f.secretFiles() {
		list = append(list, exposed(s.file)...)
	}
	return list
}
