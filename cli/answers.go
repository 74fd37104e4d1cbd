package cli

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"auto-installer/cli/secret"
	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// installFlags are the answers of an install, as flags.
type installFlags struct {
	steps.Answers
	host, disk, bundle             string
	secrets                        []*secret.Flag
	bundlePass                     []byte // passphrase of the sealed keys
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
	add := func(name string, line bool, into *[]byte, usage string) {
		s := &secret.Flag{Name: name, Line: line, Into: into}
		s.Register(c, usage)
		f.secrets = append(f.secrets, s)
	}
	add("passphrase", true, &f.Passphrase, "read the LUKS passphrase from this file; a line break at its end is ignored")
	add("recovery-key", true, &f.RecoveryKey, "add the recovery key in this file to the LUKS container, as a second key")
	add("age-identity", false, &f.AgeIdentity, "the host's age identity file")
	add("deploy-key", false, &f.DeployKey, "the ssh private key that clones the config repo and is installed for targetUser")
	add("bundle-passphrase", true, &f.bundlePass, "read the passphrase of the sealed keys from this file")
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
	f.Host, f.HostArg, f.Power, f.Unattended = h, f.host, !f.noPower, f.unattended
	f.Remote = cmp.Or(f.Remote, os.Getenv("REPO_REMOTE"))
	defer func() { clear(f.bundlePass) }()
	for _, s := range f.secrets {
		var err error
		if *s.Into, err = s.Read(); err != nil {
			f.Wipe()
			return f.Answers, err
		}
	}
	if err := f.openBundle(f.secrets[len(f.secrets)-1].Where()); err != nil {
		f.Wipe()
		return f.Answers, err
	}
	f.FromMedium(steps.Medium, steps.MediumHosts)
	return f.Answers, nil
}

// openBundle decrypts the sealed keys, if a passphrase is given, and adds them to the
// answers. where says where the passphrase was read from.
func (f *installFlags) openBundle(where string) error {
	if len(f.bundlePass) == 0 {
		if f.bundle != "" {
			return sys.Usage("give it with --bundle-passphrase-file or --bundle-passphrase-fd", "--bundle: the sealed keys need a passphrase")
		}
		return nil
	}
	sealed, err := steps.ReadBundle(f.bundle, f.Host.TargetHost)
	if err != nil {
		return err
	}
	if sealed == nil {
		return sys.Usage("name it with --bundle", "this medium has no sealed keys of %s", f.Host.TargetHost)
	}
	keys, err := steps.OpenBundle(where, f.Host.TargetHost, sealed, f.bundlePass)
	if err != nil {
		return err
	}
	f.TakeKeys(keys)
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
	for _, s := range f.secrets {
		if _, err := os.Stat(s.File); s.File != "" && err != nil {
			bad.add(sys.Usage("name a readable file", "--%s: %v", s.FileFlag(), err))
		}
		if secret.OpenTo(s.File) == secret.EveryUser {
			bad.add(sys.Usage("chmod 600 "+sys.Quote([]string{s.File}), "--%s: every user can read or change %s", s.FileFlag(), s.File))
		}
	}
	return bad.err()
}

// onlyHost returns the host.toml of a medium that has one host.
func onlyHost(dir string) (string, error) {
	found, _ := filepath.Glob(filepath.Join(dir, "*", "host.toml")) // the pattern is good
	switch len(found) {
	case 0:
		return "", sys.Usage("name the host with --host", "--unattended: the medium has no host in %s", dir)
	case 1:
		return found[0], nil
	}
	for i, f := range found {
		found[i] = filepath.Base(filepath.Dir(f))
	}
	return "", sys.Usage("name one of them with --host", "--unattended: the medium has several hosts: %s", strings.Join(found, ", "))
}

// exposed returns a warning for each secret of the install that other users can read.
func (f *installFlags) exposed() (list []string) {
	for _, s := range f.secrets {
		list = append(list, secret.Exposed(s.File)...)
	}
	return list
}
