package secrets

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// ErrCannotOpen is the error of a file that none of the identities opens.
var ErrCannotOpen = errors.New("none of the given identities opens it")

// Decrypt returns the content of an age file, armored or not, in one buffer: it
// never grows, so wiping it leaves no copy. The error is ErrCannotOpen if no
// identity fits.
func Decrypt(file []byte, ids ...age.Identity) ([]byte, error) {
	if len(ids) == 0 {
		return nil, ErrCannotOpen
	}
	in, _ := unarmored(bytes.NewReader(file))
	out, err := age.Decrypt(in, ids...)
	if err != nil {
		return nil, fits(err)
	}
	content := make([]byte, len(file)+1) // a file is larger than its content
	n, err := io.ReadFull(out, content)
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(content)
		return nil, errors.Join(errors.New("it is damaged"), err)
	}
	return content[:n], nil
}

// fits replaces age's error for identities that do not match by ErrCannotOpen.
func fits(err error) error {
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return ErrCannotOpen
	}
	return err
}

// unarmored reads a file without its armor, if it has one. As age does, it skips
// white space before that.
func unarmored(r io.Reader) (in io.Reader, armored bool) {
	buf := bufio.NewReader(r)
	start, _ := buf.Peek(buf.Size()) // a file may be shorter
	if bytes.HasPrefix(bytes.TrimLeft(start, " \t\r\n"), []byte(armor.Header)) {
		return armor.NewReader(buf), true
	}
	return buf, false
}

// Encrypt makes an age file.
func Encrypt(content []byte, armored bool, to ...age.Recipient) ([]byte, error) {
	var file bytes.Buffer
	var out io.Writer = &file
	end := func() error { return nil }
	if armored {
		a := armor.NewWriter(&file)
		out, end = a, a.Close
	}
	w, err := age.Encrypt(out, to...)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(content)
	err = errors.Join(err, w.Close(), end())
	return file.Bytes(), err
}

// Recipients are public keys as age takes them.
func Recipients(list []*Recipient) []age.Recipient {
	to := make([]age.Recipient, len(list))
	for i, r := range list {
		to[i] = r.age
	}
	return to
}

// Identities are private keys as age takes them.
func Identities(held []*Held) []age.Identity {
	ids := make([]age.Identity, len(held))
	for i, k := range held {
		ids[i] = k.Identity
	}
	return ids
}
