package secrets

import (
	"bytes"
	"testing"

	"filippo.io/age"
)

func FuzzHeader(f *testing.F) {
	id, err := age.ParseX25519Identity("AGE-SECRET-KEY-1N9JEPW6DWJ0ZQUDX63F5A03GX8QUW7PXDE39N8UYF82VZ9PC8UFS3M7XA9")
	if err != nil {
		f.Fatal(err)
	}
	to := []string{id.Recipient().String(), keyA, sshVectors[0].ssh}
	wanted, err := ParseRecipients(to)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encrypt(f, false, to...))
	f.Add(encrypt(f, true, to...))
	f.Add(encrypt(f, false, keyA))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHeader(bytes.NewReader(data))
		if err != nil {
			return
		}
		is, lacking := h.IsFor(wanted), h.Lacking(wanted)
		if lacking > 0 && is != No {
			t.Errorf("%d lacking, and it is for them: %v", lacking, is)
		}
		_, err = age.Decrypt(bytes.NewReader(data), id)
		if !h.Armored && err == nil && h.CanOpen(id) != nil {
			t.Error("age opens it and we do not")
		}
		if h.CanOpen(id) == nil && h.OpenableBy(wanted[0]) == No {
			t.Error("what cannot be opened was opened")
		}
	})
}

func FuzzBundle(f *testing.F) {
	quickly(f)
	b := testBundle(f, "key")
	me, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	plain, err := b.encode()
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := Encrypt(plain, true, me.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, plain)
	f.Fuzz(func(t *testing.T, sealed, plain []byte) {
		got, err := open(sealed, me)
		if err == nil && got.Host == "" {
			t.Error("a bundle without a host")
		}
		got.Wipe()
		got, err = decodeBundle(plain)
		if err != nil {
			return
		}
		defer got.Wipe()
		again, err := got.encode()
		if err != nil || !bytes.Equal(again, plain) {
			t.Errorf("read and written it is another: %v", err)
		}
	})
}
