package steps

import "auto-installer/internal/sys"

// Option is an answer that one flag gives: a text or a switch.
type Option struct {
	Flag, Usage string
	Text        func(*Answers) *string
	Switch      func(*Answers) *bool
}

// Options lists these answers, in the order of the command line of an install. The flags
// and the command line that the screens show come from this list.
var Options = []Option{
	{Flag: "remote", Usage: "the git URL of the config repo; default $REPO_REMOTE, else the host's repoRemote", Text: func(a *Answers) *string { return &a.Remote }},
	{Flag: "ref", Usage: "the branch, tag or commit of the config repo; default: the host's repoRef, else the medium's revision, else the remote's HEAD", Text: func(a *Answers) *string { return &a.Ref }},
	{Flag: "source", Usage: "clone the config repo from this copy; default for a prebuilt host: the medium's", Text: func(a *Answers) *string { return &a.Source }},
	{Flag: "system", Usage: "install this prebuilt toplevel from the local store; default for a prebuilt host: the medium's", Text: func(a *Answers) *string { return &a.System }},
	{Flag: "prove-boot", Usage: "how to prove at the end that the disk boots: vm starts it in a virtual machine, read-only; needs qemu and OVMF", Text: func(a *Answers) *string { return &a.ProveBoot }},
	{Flag: "no-age-identity", Usage: "do not wait for an age identity; the host cannot decrypt its secrets until it has one", Switch: func(a *Answers) *bool { return &a.NoAgeIdentity }},
	{Flag: "skip-verify", Usage: "do not hash the installed store paths again at the end", Switch: func(a *Answers) *bool { return &a.SkipVerify }},
	{Flag: "resume", Usage: "resume the unfinished install of the same host on the same disk, also after a power cut; needs the passphrase again", Switch: func(a *Answers) *bool { return &a.Resume }},
}

// CommandLine returns the command that installs with these answers. It reads each secret
// from a file.
func (a Answers) CommandLine() string {
	args := []string{"auto-installer", "install", "--host", a.HostArg, "--disk", a.Disk.stablePath(), "--confirm", "yes"}
	for _, s := range a.secrets() {
		if *s.value != nil {
			args = append(args, s.flag, "FILE")
		}
	}
	a.NoAgeIdentity = a.NoAgeIdentity && a.AgeIdentity == nil // the sealed keys may have had one
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
