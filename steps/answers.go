package steps

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps/identity"
	"auto-installer/steps/source"
)

// Answers is everything that the operator decides. The screens and the flags
// fill the same one, and InstallPlan checks it.
type Answers struct {
	Host hosts.Host
	// HostArg is how the host was named: what --host takes.
	HostArg string
	Disk    Disk `json:"-"`

	Passphrase  []byte `json:"-"` // LUKS; wiped by Wipe
	RecoveryKey []byte `json:"-"` // LUKS, a second key, or nil; wiped by Wipe
	AgeIdentity []byte `json:"-"` // age identity file; wiped by Wipe
	DeployKey   []byte `json:"-"` // OpenSSH private key file; wiped by Wipe

	// Bundle is the host's sealed keys, or nil. It is no secret; opened, it is
	// answered with TakeKeys.
	Bundle []byte `json:"-"`
	// Unattended: nobody is there to be asked, or to send what is missing.
	Unattended bool
	// NoAgeIdentity goes without: nothing waits for one.
	NoAgeIdentity bool

	Remote string // overrides the host's repoRemote
	Ref    string // overrides the host's repoRef
	Source string // copy of the config repo on the medium
	System string // prebuilt toplevel
	Power  bool   // power off or reboot at the end, as the host says
	// Resume continues the unfinished install of the same host on the same
	// disk. The screens' plans are then ResumePlan's.
	Resume bool
	// SkipVerify leaves out hashing the installed store paths again.
	SkipVerify bool
	// ProveBoot is how the installed system is started at the end to prove
	// that it does: ProveVM, or empty for not at all.
	ProveBoot string

	medium     medium
	unfinished *Unfinished // it could be continued, and is not
	noSystem   bool        // System stands for a path that is not known, see WithoutSystem
}

// WithoutSystem answers for a plan of what the host's medium will do, where that
// and its prebuilt system are not at hand.
func (a *Answers) WithoutSystem() {
	a.System, a.noSystem = unknownSystem, true
	a.medium.Contract = filepath.Join(MediumHosts, a.Host.TargetHost, "contract.json")
	if a.Source == "" {
		a.Source, a.medium.Plain = mediumRepo(Medium), true
	}
}

// mediumRepo is where a medium has the config repo.
func mediumRepo(dir string) string { return filepath.Join(dir, "nix-config") }

// unknownSystem stands in a plan for the path of a system that is not known yet.
const unknownSystem = "<toplevel>"

// medium is what the installer medium tells about the host.
type medium struct {
	Revision string // commit of the config repo that it was built from, or empty
	Changed  string // what it says instead of a commit: it was built from changed files
	Plain    bool   // Source is a folder of files without git's own
	Contract string // file with what the prebuilt system expects, or empty
}

// ProveVM starts the installed disk in a virtual machine, see Answers.ProveBoot.
const ProveVM = "vm"

// Medium is where an installer ISO carries what a prebuilt install needs: the
// toplevel's store path in toplevel/HOST, the config repo in nix-config.
const Medium = "/iso/auto-installer"

// FromMedium fills what was not answered from the medium in dir, and notes
// what it tells about the host in its folder below hosts.
func (a *Answers) FromMedium(dir, hosts string) {
	if rev := MediumRevision(dir); commit.MatchString(rev) {
		a.medium.Revision = rev
	} else {
		a.medium.Changed = rev
	}
	if a.Host.Prebuilt {
		a.prebuilt(dir, hosts)
	}
	if a.Source != "" { // also a link that leads nowhere, through which git would write
		_, noGit := os.Lstat(filepath.Join(a.Source, ".git"))
		_, noHead := os.Lstat(filepath.Join(a.Source, "HEAD"))
		a.medium.Plain = noGit != nil && noHead != nil
	}
}

func (a *Answers) prebuilt(dir, hosts string) {
	data, _ := os.ReadFile(filepath.Join(dir, "toplevel", a.Host.TargetHost)) // absent: validation says so
	carried := strings.TrimSpace(string(data))
	if a.System == "" {
		a.System = carried
	}
	contract := filepath.Join(hosts, a.Host.TargetHost, "contract.json")
	if a.System == carried && isThere(contract) {
		a.medium.Contract = contract
	}
	if repo := mediumRepo(dir); a.Source == "" && isThere(repo) {
		a.Source = repo
	}
}

func isThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// commit is a git commit's whole name, SHA-1 or SHA-256.
var commit = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// MediumRevision is the config repo's commit that the medium in dir was built
// from, as its file "revision" says, or empty.
func MediumRevision(dir string) string {
	data, _ := os.ReadFile(filepath.Join(dir, "revision")) // absent: not known
	return strings.TrimSpace(string(data))
}

var storePath = regexp.MustCompile(`^/nix/store/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9A-Za-z+._?=-]+$`)

// Validate checks that the answers are complete and fit each other. The error
// is an *Error.
func (a Answers) Validate() error {
	h := a.Host
	switch {
	case h.LUKS.Enable && len(a.Passphrase) == 0:
		return engine.Usage("give it with --passphrase-file or --passphrase-fd", "%s is encrypted and there is no passphrase", h.TargetHost)
	case !h.LUKS.Enable && len(a.Passphrase) > 0:
		return engine.Usage("leave the passphrase out, or set luks.enable in the host's definition",
			"%s is not encrypted, so the passphrase would protect nothing", h.TargetHost)
	case !h.LUKS.Enable && len(a.RecoveryKey) > 0:
		return engine.Usage("leave the recovery key out", "%s is not encrypted, so there is nothing that a recovery key could open", h.TargetHost)
	case Typable("recovery key", a.RecoveryKey) != nil:
		return Typable("recovery key", a.RecoveryKey)
	case len(a.RecoveryKey) > 0 && bytes.Equal(a.RecoveryKey, a.Passphrase):
		return engine.Usage("use another one", "the recovery key is the passphrase")
	case a.ProveBoot != "" && a.ProveBoot != ProveVM:
		return engine.Usage("use vm, or leave it out", "--prove-boot: %q is no way to start a system", a.ProveBoot)
	case Typable("passphrase", a.Passphrase) != nil:
		return Typable("passphrase", a.Passphrase)
	case h.Prebuilt && a.System == "":
		return engine.Usage("name the toplevel with --system, or use a medium that carries it",
			"%s is installed from a prebuilt system and none was found in %s", h.TargetHost, Medium)
	case a.System != "" && !a.noSystem && !storePath.MatchString(a.System):
		return engine.Usage("name the store path itself, as `readlink -f result` prints it", "%q is not a store path", a.System)
	}
	if a.Ref != "" {
		h.RepoRef = a.Ref
		if bad := h.Validate(); len(bad) > 0 {
			return engine.Usage("give "+bad[0].Allowed, "the ref is not one to install: %s", bad[0].Problem)
		}
	}
	if a.Remote != "" {
		h.RepoRemote = a.Remote
		if bad := h.Validate(); len(bad) > 0 {
			return engine.Usage("give "+bad[0].Allowed, "the remote is not one to clone from: %s", bad[0].Problem)
		}
	}
	if a.System == "" && a.remote() == "" && a.Source == "" {
		return engine.Usage("set repoRemote in the host's definition, or REPO_REMOTE", "there is no config repo to install %s from", h.TargetHost)
	}
	if a.AgeIdentity != nil {
		if err := identity.Check(a.AgeIdentity); err != nil {
			return engine.Usage("make one with age-keygen, or name the right file", "the age identity is %v", err)
		}
	}
	if a.DeployKey != nil {
		if _, err := ssh.ParseRawPrivateKey(a.DeployKey); err != nil {
			return engine.Usage("it must be an OpenSSH private key without a passphrase", "the deploy key cannot be read")
		}
	}
	return nil
}

func (a Answers) remote() string {
	if a.Remote != "" {
		return a.Remote
	}
	return a.Host.RepoRemote
}

func (a Answers) ref() string {
	if a.Ref != "" {
		return a.Ref
	}
	return a.Host.RepoRef
}

// network is the address that must be reached, or empty if the install needs
// none.
func (a Answers) network() string {
	if a.Source != "" {
		return ""
	}
	return source.Address(a.remote())
}

// secret is one of the answers that must not be seen.
type secret struct {
	flag  string // that reads it from a file
	value *[]byte
}

func (a *Answers) secrets() []secret {
	return []secret{
		{"--passphrase-file", &a.Passphrase}, {"--recovery-key-file", &a.RecoveryKey},
		{"--age-identity", &a.AgeIdentity}, {"--deploy-key", &a.DeployKey},
	}
}

// Wipe overwrites the secrets.
func (a *Answers) Wipe() {
	for _, s := range a.secrets() {
		clear(*s.value)
		*s.value = nil
	}
}

// HostError makes an Error of what the hosts package refuses.
func HostError(err error) *engine.Error {
	e := &engine.Error{Cause: err.Error(), Code: sys.CodeHost}
	if h, ok := err.(interface{ Hint() string }); ok {
		e.Hint = h.Hint()
	}
	return e
}

// NeedRoot fails unless the program runs as root.
func NeedRoot() error {
	if os.Geteuid() != 0 {
		return engine.NewError("", sys.Faultf(sys.CodeMachine, "run it with sudo, or on the installer's own console", "not running as root"))
	}
	return nil
}
