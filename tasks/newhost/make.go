package newhost

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// Make makes the keys, and the files of the host's folder. It seals the private keys
// and wipes them.
func Make(_ context.Context, s sys.System, o Options) error {
	d := o.Draft
	id := o.Identity
	if id == nil {
		var err error
		if id, err = secrets.NewIdentity(); err != nil {
			return err
		}
	}
	deploy, err := d.deploy(o.Host.TargetHost)
	if err != nil {
		id.Wipe()
		return err
	}
	b := &secrets.Bundle{Host: o.Host.TargetHost, Identity: id, DeployKey: deploy}
	defer b.Wipe()
	d.recipient = id.Recipient()
	sealed, err := secrets.Seal(b, o.Passphrase, o.Recipients...)
	if err != nil {
		return fmt.Errorf("sealing the keys: %w", err)
	}
	if err := o.put("bundle.age", sealed); err != nil {
		return err
	}
	if err := o.put("deploy.pub", []byte(d.deployKey+"\n")); err != nil {
		return err
	}
	if o.defines() {
		if err := o.definition(); err != nil {
			return err
		}
	}
	s.Log("the recipient of " + o.Host.TargetHost + " is " + d.recipient)
	return nil
}

// deploy makes a deploy key: an ed25519 key pair in OpenSSH's format.
func (d *Draft) deploy(host string) (*secrets.Buffer, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	comment := host + "-installer"
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, err
	}
	defer clear(block.Bytes)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	d.deployKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment
	return secrets.NewBuffer(pem.EncodeToMemory(block))
}

// put drafts a file of the host's folder, new or changed.
func (o Options) put(name string, data []byte) error {
	full := o.in(name)
	_, err := os.Lstat(filepath.Join(o.Repo, full))
	if err == nil {
		if _, err := o.read(full); err != nil {
			return err
		}
	}
	o.Draft.files[full] = draftFile{data: data, isNew: err != nil}
	return nil
}

// definition drafts host.toml and installer.nix.
func (o Options) definition() error {
	toml, err := o.Host.TOML()
	if err != nil {
		return sys.Faultf(sys.CodeHost, "correct the flags", "invalid definition: %w", err)
	}
	intro := "# What the installer makes of the machine. `auto-installer hosts` and auto-installer's\n# README list all keys.\n"
	if err := o.put("host.toml", append([]byte(intro), toml...)); err != nil {
		return err
	}
	return o.put("installer.nix", o.installer(shapeOf(o.Draft.before["flake.nix"])))
}
