package secrets

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"auto-installer/internal/agenix"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
	"auto-installer/secrets/keysnix"
)

// byRules finds the files that agenix' rules encrypt to the host, if its own
// configuration does not name them. Rules that cannot be read are a warning.
func (o Options) byRules(ctx context.Context, s sys.System) error {
	if o.Repo == "" {
		return nil
	}
	file := agenix.In(o.Repo)
	if file == "" {
		return nil
	}
	err := o.follow(ctx, s, file)
	if errors.Is(err, errAnother) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		s.Warn("the age identity is not tried on the files of " + filepath.Base(file) + ", which cannot be read: " + err.Error())
	}
	return context.Cause(ctx)
}

// follow fills Found with the files of the rules that have the host's key.
func (o Options) follow(ctx context.Context, s sys.System, file string) error {
	to, err := o.recipient(filepath.Dir(file))
	if err != nil || to == nil {
		return err
	}
	list, err := agenix.Read(ctx, s, file)
	if err != nil {
		return err
	}
	base := agenix.Base(o.Repo, file, list)
	for _, r := range list {
		path := filepath.Join(base, r.File)
		name, err := filepath.Rel(o.Repo, path)
		isFor := slices.ContainsFunc(r.Recipients, func(has *secrets.Recipient) bool { return has.ID() == to.ID() })
		if err == nil && isFor && sys.HasIn(o.Repo, name) { // a rule's file may not exist yet
			o.Found.Files = append(o.Found.Files, File{name, path})
		}
	}
	return nil
}

// errAnother is the error of another host's identity.
var errAnother = errors.New("this age identity is not that")

// recipient is the host's public key: that of the given identity, or the one in
// keys.nix; or nil.
func (o Options) recipient(dir string) (*secrets.Recipient, error) {
	entered, err := o.entered(dir)
	if o.Key == nil {
		return entered, err
	}
	id, err := secrets.ParseIdentity(o.Key)
	if err != nil {
		return nil, err
	}
	defer id.Wipe()
	given, err := secrets.ParseRecipient(id.Recipient())
	if err == nil && entered != nil && strings.HasPrefix(entered.ID(), "age1") && entered.ID() != given.ID() {
		return nil, sys.Faultf(sys.CodeContract,
			"give the identity of "+o.Host+", or enter this one's recipient in keys.nix, rekey, commit and push",
			"%w of %s: its recipient is %s, and keys.nix has %s", errAnother, o.Host, given.ID(), entered.ID())
	}
	return given, err
}

// entered is the host's public key in keys.nix, or nil.
func (o Options) entered(dir string) (*secrets.Recipient, error) {
	below, err := filepath.Rel(o.Repo, dir)
	if err != nil {
		return nil, err
	}
	src, err := sys.ReadIn(o.Repo, filepath.Join(below, "keys.nix"), 4<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := keysnix.KeyOf(src, o.Host)
	if errors.Is(err, keysnix.ErrNoHost) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return secrets.ParseRecipient(key)
}
