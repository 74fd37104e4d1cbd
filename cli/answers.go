package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/steps"
)

// installFlags are the answers, as flags.
type installFlags struct {
	steps.Answers
	host, disk                     string
	passphraseFile, recoveryFile   string
	passphraseFD, recoveryFD       int
	ageIdentity, deployKey         string
	ageFD, deployFD                int
	bundle, bundlePassFile         string
	bundlePassFD                   int
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
	fl.StringVar(&f.passphraseFile, "passphrase-file", "", "read the LUKS passphrase from this file; one line break at its end is not part of it")
	fl.IntVar(&f.passphraseFD, "passphrase-fd", -1, "read the LUKS passphrase from this open file descriptor")
	fl.StringVar(&f.recoveryFile, "recovery-key-file", "", "add the recovery key in this file as a second key to the LUKS container")
	fl.IntVar(&f.recoveryFD, "recovery-key-fd", -1, "read the recovery key from this open file descriptor")
	fl.StringVar(&f.ageIdentity, "age-identity", "", "the host's age identity file")
	fl.StringVar(&f.deployKey, "deploy-key", "", "an ssh private key for the config repo, for the clone and for targetUser")
	fl.IntVar(&f.ageFD, "age-identity-fd", -1, "read the age identity from this open file descriptor")
	fl.IntVar(&f.deployFD, "deploy-key-fd", -1, "read the deploy key from this open file descriptor")
	fl.StringVar(&f.bundle, "bundle", "", "the host's sealed keys, age identity and deploy key; default: the medium's, if their passphrase is given")
	fl.StringVar(&f.bundlePassFile, "bundle-passphrase-file", "", "read the passphrase of the sealed keys from this file")
	fl.IntVar(&f.bundlePassFD, "bundle-passphrase-fd", -1, "read the passphrase of the sealed keys from this open file descriptor")
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
	c.MarkFlagsMutuallyExclusive("passphrase-file", "passphrase-fd")
	c.MarkFlagsMutuallyExclusive("age-identity", "age-identity-fd")
	c.MarkFlagsMutuallyExclusive("bundle-passphrase-file", "bundle-passphrase-fd")
	c.MarkFlagsMutuallyExclusive("no-age-identity", "age-identity", "age-identity-fd", "bundle-passphrase-file", "bundle-passphrase-fd")
	c.MarkFlagsMutuallyExclusive("resume", "start-over")
	c.MarkFlagsMutuallyExclusive("deploy-key", "deploy-key-fd")
	c.MarkFlagsMutuallyExclusive("recovery-key-file", "recovery-key-fd")
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
		read func(flag, file string, fd int) ([]byte, error)
		flag string
		file string
		fd   int
	}{
		{&a.Passphrase, readPassphrase, "--passphrase", f.passphraseFile, f.passphraseFD},
		{&a.RecoveryKey, readPassphrase, "--recovery-key", f.recoveryFile, f.recoveryFD},
		{&a.AgeIdentity, readSecretOf, "--age-identity", f.ageIdentity, f.ageFD},
		{&a.DeployKey, readSecretOf, "--deploy-key", f.deployKey, f.deployFD},
		{&bundlePass, readPassphrase, "--bundle-passphrase", f.bundlePassFile, f.bundlePassFD},
	} {
		if *secret.into, err = secret.read(secret.flag, secret.file, secret.fd); err != nil {
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
	where := f.bundlePassFile
	if where == "" {
		where = fmt.Sprintf("descriptor %d", f.bundlePassFD)
	}
	keys, err := steps.OpenBundleFrom(where, a.Host.TargetHost, sealed, passphrase)
	if err != nil {
		return err
	}
	a.TakeKeys(keys)
	return nil
}

// readPassphrase reads what is typed at a prompt else: one line, whose end is not
// part of it. Without a file and a descriptor it is nil.
func readPassphrase(flag, file string, fd int) ([]byte, error) {
	data, err := readSecretOf(flag, file, fd)
	if err != nil || data == nil {
		return nil, err
	}
	line, ended := bytes.CutSuffix(data, []byte("\n"))
	if ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	if len(line) == 0 {
		return nil, engine.Usage("put the passphrase in its only line", "%s: it is empty", flag)
	}
	if err := steps.Typable(flag[2:], line); err != nil {
		clear(data)
		return nil, err
	}
	return line, nil
}

// readSecretOf reads a secret from a file, or from an open descriptor if there is
// no file.
func readSecretOf(flag, file string, fd int) ([]byte, error) {
	switch {
	case file != "":
		return readSecretFile(flag, file)
	case fd >= 0:
		return readSecretFD(flag, fd)
	}
	return nil, nil
}

// maxSecret is more than any passphrase or key needs, in bytes.
const maxSecret = 64 << 10

func readSecretFile(flag, name string) ([]byte, error) {
	if err := inStore(flag, name, nixStore); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecretFD reads a descriptor and closes it, so that no command inherits
// it.
func readSecretFD(flag string, fd int) ([]byte, error) {
	f := os.NewFile(uintptr(fd), flag)
	if f == nil {
		return nil, engine.Usage("open the descriptor before starting the program", "%s: bad file descriptor", flag)
	}
	defer f.Close()
	return readSecret(flag, f)
}

// readSecret reads into one buffer that is never copied by growing.
func readSecret(flag string, r io.Reader) ([]byte, error) {
	buf := make([]byte, maxSecret+1)
	n, err := io.ReadFull(r, buf)
	switch {
	case err == nil:
		clear(buf)
		return nil, engine.Usage("name the right file", "%s: more than %d bytes", flag, maxSecret)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		return nil, engine.Usage("name a file that can be read", "%s: %v", flag, err)
	}
	if n == 0 {
		return nil, engine.Usage("name the right file", "%s: it is empty", flag)
	}
	return buf[:n:n], nil
}
