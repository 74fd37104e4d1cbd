package agecheck

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"auto-installer/secrets"
	"auto-installer/steps/internal/sys"
)

// rulesFiles is where agenix' rules are, in the order of trial.
var rulesFiles = []string{"secrets/secrets.nix", "secrets.nix"}

func evaluate(file string) sys.Cmd {
	return sys.Cmd{
		Does: "read the rules of the secrets",
		Argv: []string{
			"nix", "--extra-experimental-features", "nix-command", "eval", "--json", "--file", file, "--apply", secrets.RulesExpression,
		},
		Quiet: true, // it is not known beforehand whether there are any
	}
}

// byRules finds the files that agenix' rules encrypt to the host, for hosts
// whose own configuration does not tell.
func byRules(ctx context.Context, s sys.System, o Options) error {
	if o.Repo == "" {
		return nil
	}
	for _, name := range rulesFiles {
		file := filepath.Join(o.Repo, name)
		if _, err := os.Stat(file); err != nil {
			continue
		}
		to, err := o.recipient(filepath.Dir(file))
		if err != nil {
			s.Warn("whether " + o.Host + " has secrets cannot be told: " + err.Error())
			return nil
		}
		if to == nil {
			return nil // the rules have no key for this host
		}
		out, err := s.Output(ctx, evaluate(file))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var rules []secrets.Rule
		if err == nil {
			rules, err = secrets.ParseRules(out)
		}
		if err != nil {
			s.Warn("the rules of the secrets cannot be read, so the age identity is not tried on them: " + err.Error())
			return nil
		}
		o.apply(filepath.Dir(name), rules, to)
		return nil
	}
	return nil
}

// apply takes the files of the rules that are encrypted to a recipient.
func (o Options) apply(dir string, rules []secrets.Rule, to *secrets.Recipient) {
	for _, r := range rules {
		for _, has := range r.Recipients {
			if has.ID() != to.ID() {
				continue
			}
			name := filepath.Join(dir, r.File)
			path := filepath.Join(o.Repo, name)
			if _, err := os.Stat(path); err == nil {
				o.Found.Files = append(o.Found.Files, File{name, path})
			} // else it was never made
			break
		}
	}
}

// recipient is the host's public key: that of the identity which was given, or
// else the one in keys.nix. It is nil if neither tells.
func (o Options) recipient(dir string) (*secrets.Recipient, error) {
	if o.Key != nil {
		id, err := secrets.ParseIdentity(o.Key)
		if err != nil {
			return nil, err
		}
		defer id.Wipe()
		return secrets.ParseRecipient(id.Recipient())
	}
	src, err := os.ReadFile(filepath.Join(dir, "keys.nix"))
	if err != nil {
		return nil, nil //nolint:nilerr // many have none
	}
	key, err := secrets.KeyOf(src, o.Host)
	if errors.Is(err, secrets.ErrNoHost) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return secrets.ParseRecipient(key.Recipient)
}
