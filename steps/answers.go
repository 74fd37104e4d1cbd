package steps

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"auto-installer/hosts"
	"auto-installer/internal/passphrases"
	"auto-installer/internal/sys"
	"auto-installer/steps/identity"
	"auto-installer/steps/journal"
	"auto-installer/steps/source"
)

// Answers are all decisions of the operator. The screens and the flags fill the same
// struct, and InstallPlan checks it.
type Answers struct {
	Host hosts.Host
	// HostArg is the argument of --host that named the host.
	HostArg string
	Disk    Disk `json:"-"`

	Passphrase  []byte `json:"-"` // LUKS; wiped by Wipe
	RecoveryKey []byte `json:"-"` // LUKS, a second key, or nil; wiped by Wipe
	AgeIdentity []byte `json:"-"` // age identity file; wiped by Wipe
	DeployKey   []byte `json:"-"` // OpenSSH private key file; wiped by Wipe

	// Bundle is the host's sealed keys, or nil. Once decrypted, TakeKeys adds them to the
	// answers.
	Bundle []byte `json:"-"`
	// Unattended: there is no operator to ask, and none who sends what is missing.
	Unattended bool
	// NoAgeIdentity installs without an age identity and does not wait for one.
	NoAgeIdentity bool

	Remote string // overrides the host's repoRemote
	Ref    string // overrides the host's repoRef
	Source string // copy of the config repo on the medium
	System string // prebuilt toplevel
	Power  bool   // power off or reboot at the end, as the host says
	// Resume resumes the unfinished install of the same host on the same disk.
	Resume bool
	// SkipVerify does not hash the installed store paths again.
	SkipVerify bool
	// ProveBoot says how to prove at the end that the system boots: ProveVM, or empty
	// for not at all.
	ProveBoot string

	Medium     medium
	unfinished *Unfinished // an unfinished install that could be resumed, but is not
	noSystem   bool        // System is a placeholder; see WithoutSystem
}

// WithoutSystem puts placeholders where the medium's paths belong: for a plan that is
// made without the medium and its prebuilt system.
func (a *Answers) WithoutSystem() {
	a.System, a.noSystem = unknownSystem, true
	a.Medium.Contract = filepath.Join(MediumHosts, a.Host.TargetHost, "contract.json")
	if a.Source == "" {
		a.Source, a.Medium.Plain = mediumRepo(Medium), true
	}
}

// mediumRepo returns the path of the config repo on a medium.
func mediumRepo(dir string) string { return filepath.Join(dir, "nix-config") }

// unknownSystem is the placeholder for the path of the system in a plan.
const unknownSystem = "<toplevel>"

// medium is what the medium says about itself and the host.
type medium struct {
	Revision string // the commit of the config repo that it was built from, or empty
	Changed  string // in place of a commit, if it was built from uncommitted changes
	Plain    bool   // Source is a folder of files without .git
	Contract string // the medium's contract, or empty
}

// ProveVM boots the installed disk in a virtual machine; see Answers.ProveBoot.
const ProveVM = "vm"

// Medium is the folder of an installer ISO with what a prebuilt install needs: the
// path of the toplevel in toplevel/HOST, and the config repo in nix-config.
const Medium = "/iso/auto-installer"

// FromMedium fills the empty answers from the medium in dir, and reads the host's
// folder below hosts.
func (a *Answers) FromMedium(dir, hosts string) {
	if rev := MediumRevision(dir); source.IsCommit(rev) {
		a.Medium.Revision = rev
	} else {
		a.Medium.Changed = rev
	}
	if a.Host.Prebuilt {
		a.prebuilt(dir, hosts)
	}
	if a.Source != "" { // Lstat: git would write through a dangling link
		_, noGit := os.Lstat(filepath.Join(a.Source, ".git"))
		_, noHead := os.Lstat(filepath.Join(a.Source, "HEAD"))
		a.Medium.Plain = noGit != nil && noHead != nil
	}
}

func (a *Answers) prebuilt(dir, hosts string) {
	data, _ := os.ReadFile(filepath.Join(dir, "toplevel", a.Host.TargetHost)) // if it is missing, Validate reports it
	carried := strings.TrimSpace(string(data))
	if a.System == "" {
		a.System = carried
	}
	contract := filepath.Join(hosts, a.Host.TargetHost, "contract.json")
	if a.System == carried && exists(contract) {
		a.Medium.Contract = contract
	}
	if repo := mediumRepo(dir); a.Source == "" && exists(repo) {
		a.Source = repo
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// MediumRevision returns the commit of the config repo that the medium in dir was built
// from, or an empty string.
func MediumRevision(dir string) string {
	data, _ := os.ReadFile(filepath.Join(dir, "revision")) // if it is missing, the commit is not known
	return strings.TrimSpace(string(data))
}

var storePath = regexp.MustCompile(`^/nix/store/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9A-Za-z+._?=-]+$`)

// Validate verifies that the answers are complete and match each other.
func (a Answers) Validate() error {
	h := a.Host
	switch {
	case h.LUKS.Enable && len(a.Passphrase) == 0:
		return sys.Usage("give it with --passphrase-file or --passphrase-fd", "%s is encrypted, but there is no passphrase", h.TargetHost)
	case !h.LUKS.Enable && len(a.Passphrase) > 0:
		return sys.Usage("leave the passphrase out, or set luks.enable in the host's definition",
			"%s is not encrypted, so the passphrase would protect nothing", h.TargetHost)
	case !h.LUKS.Enable && len(a.RecoveryKey) > 0:
		return sys.Usage("leave the recovery key out", "%s is not encrypted, so a recovery key would open nothing", h.TargetHost)
	case len(a.RecoveryKey) > 0 && bytes.Equal(a.RecoveryKey, a.Passphrase):
		return sys.Usage("choose another recovery key", "the recovery key is the passphrase")
	case a.ProveBoot != "" && a.ProveBoot != ProveVM:
		return sys.Usage("use vm, or leave it out", "invalid --prove-boot %q", a.ProveBoot)
	case h.Prebuilt && a.System == "":
		return sys.Usage("name the toplevel with --system, or use a medium that carries it",
			"%s needs a prebuilt system, and %s has none", h.TargetHost, Medium)
	case a.System != "" && !a.noSystem && !storePath.MatchString(a.System):
		return sys.Usage("give the store path that `readlink -f result` prints", "%q is not a store path", a.System)
	}
	if err := cmp.Or(passphrases.Typable("passphrase", a.Passphrase), passphrases.Typable("recovery key", a.RecoveryKey)); err != nil {
		return err
	}
	h.RepoRef, h.RepoRemote = a.ref(), a.remote()
	if bad := h.Validate(); len(bad) > 0 && a.Ref+a.Remote != "" {
		what := strings.ToLower(strings.TrimPrefix(bad[0].Key, "repo"))
		return sys.Usage("give "+bad[0].Allowed, "invalid %s: %s", what, bad[0].Problem)
	}
	if a.System == "" && a.remote() == "" && a.Source == "" {
		return sys.Usage("set repoRemote in the host's definition, or REPO_REMOTE", "no config repo to install %s from", h.TargetHost)
	}
	if a.AgeIdentity != nil {
		if err := identity.Check(a.AgeIdentity); err != nil {
			return sys.Usage("make one with age-keygen, or name the right file", "the age identity is %v", err)
		}
	}
	if a.DeployKey != nil {
		if _, err := ssh.ParseRawPrivateKey(a.DeployKey); err != nil {
			return sys.Usage("give an OpenSSH private key without a passphrase", "the deploy key cannot be read")
		}
	}
	return nil
}

func (a Answers) remote() string { return cmp.Or(a.Remote, a.Host.RepoRemote) }

func (a Answers) ref() string { return cmp.Or(a.Ref, a.Host.RepoRef) }

// mode returns the mode of the install.
func (a Answers) mode() string {
	if a.System != "" {
		return journal.Prebuilt
	}
	return journal.Flake
}

// Network returns the address that the install must reach, or an empty string.
func (a Answers) Network() string {
	if a.Source != "" {
		return ""
	}
	return source.Address(a.remote())
}

// secret is an answer that must not be shown.
type secret struct {
	flag  string // the flag that reads it from a file
	value *[]byte
}

func (a *Answers) secrets() []secret {
	return []secret{
		{"--passphrase-file", &a.Passphrase},
		{"--recovery-key-file", &a.RecoveryKey},
		{"--age-identity", &a.AgeIdentity},
		{"--deploy-key", &a.DeployKey},
	}
}

// Wipe overwrites the secrets.
func (a *Answers) Wipe() {
	for _, s := range a.secrets() {
		clear(*s.value)
		*s.value = nil
	}
}

// HostError turns an error of the hosts package into an Error.
func HostError(err error) *sys.Fault {
	e := &sys.Fault{Cause: err.Error(), Code: sys.CodeHost}
	if h, ok := err.(interface{ Hint() string }); ok {
		e.Hint = h.Hint()
	}
	return e
}

// NeedRoot returns an error unless the program runs as root.
func NeedRoot() error {
	if os.Geteuid() != 0 {
		return sys.Faultf(sys.CodeMachine, "use sudo, or the installer's console", "not running as root")
	}
	return nil
}
