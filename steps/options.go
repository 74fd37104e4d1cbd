package steps

import "auto-installer/internal/sys"

// Option is an answer that one flag gives: a text or a switch.
type Option struct {
	Flag, Usage string
	Text        func(*Answers) *string
	Switch      func(*Answers) *bool
}

// Options are all of them, in the order in which the command line of an install
// has them. The flags are made of this list, and so is the command line that the
// screens show; to an engine of the screens the answers cross as data.
var Options = []Option{
	{Flag: "remote", Usage: "git URL of the config repo; default $REPO_REMOTE, else the host's repoRemote", Text: func(a *Answers) *string { return &a.Remote }},
	{Flag: "ref", Usage: "branch, tag or commit of the config repo; default the host's repoRef, else the medium's revision, else the remote's HEAD", Text: func(a *Answers) *string { return &a.Ref }},
	{Flag: "source", Usage: "clone the config repo from this copy; default: the medium's, for a prebuilt host", Text: func(a *Answers) *string { return &a.Source }},
	{Flag: "system", Usage: "install this prebuilt toplevel of the local store; default: the medium's, for a prebuilt host", Text: func(a *Answers) *string { return &a.System }},
	{Flag: "prove-boot", Usage: "vm: at the end, start the installed disk in a virtual machine, which writes nothing to it; needs qemu and OVMF", Text: func(a *Answers) *string { return &a.ProveBoot }},
	{Flag: "no-age-identity", Usage: "do not wait for one: the system cannot open its secrets until it has one", Switch: func(a *Answers) *bool { return &a.NoAgeIdentity }},
	{Flag: "skip-verify", Usage: "do not read and hash the installed store paths again at the end", Switch: func(a *Answers) *bool { return &a.SkipVerify }},
	{Flag: "resume", Usage: "resume the unfinished install of the same host on the same disk, also after a power cut; the passphrase is needed again", Switch: func(a *Answers) *bool { return &a.Resume }},
}

// CommandLine is what a person would type to install by these answers. Each
// secret is in a file then.
func (a Answers) CommandLine() string {
	args := []string{"auto-installer", "install", "--host", a.HostArg, "--disk", a.Disk.stablePath(), "--confirm", "yes"}
	for _, s := range a.secrets() {
		if *s.value != nil {
			args = append(args, s.flag, "FILE")
		}
	}
	a.NoAgeIdentity = a.NoAgeIdentity && a.AgeIdentity == nil // it may have come with the sealed keys
	for _, o := range Options {
		if o.Text != nil && *o.Text(&a) != "" {
			args = append(args, "--"+o.Flag, *o.Text(&a))
		}
		if o.Switch != nil && *o.Switch(&a) {
			args = append(args, "--"+o.Flag)
		}
	}
	return sys.Quote(args)
}
