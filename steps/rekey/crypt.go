package rekey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"

	"auto-installer/secrets"
)

func readHeader(data []byte) (*secrets.Header, error) {
	return secrets.ReadHeader(bytes.NewReader(data))
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// decrypt returns the content of an age file in one buffer that never grew:
// wiping that leaves no copy of ours behind.
func decrypt(data []byte, held []*secrets.Held) ([]byte, error) {
	h, err := readHeader(data)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, secrets.ErrCannotOpen
	}
	var in io.Reader = bytes.NewReader(data)
	if h.Armored {
		in = armor.NewReader(in)
	}
	out, err := age.Decrypt(in, secrets.Identities(held)...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, secrets.ErrCannotOpen
	}
	if err != nil {
		return nil, err
	}
	content := make([]byte, len(data)+1) // it is always larger than its content
	n, err := io.ReadFull(out, content)
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		clear(content)
		return nil, errors.Join(errors.New("it is damaged"), err)
	}
	return content[:n], nil
}

func encrypt(content []byte, to []*secrets.Recipient, armored bool) ([]byte, error) {
	list := make([]age.Recipient, len(to))
	for i, r := range to {
		list[i] = r.Age()
	}
	var file bytes.Buffer
	var out io.Writer = &file
	var a io.WriteCloser
	if armored {
		a = armor.NewWriter(out)
		out = a
	}
	w, err := age.Encrypt(out, list...)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(content)
	err = errors.Join(err, w.Close())
	if a != nil {
		err = errors.Join(err, a.Close())
	}
	return file.Bytes(), err
}

// each does something with every file, several at once, and returns the first
// error by the files' order.
func (w *Work) each(ctx context.Context, files []*File, do func(*File) error) error {
	return w.eachIndex(ctx, len(files), func(i int) error { return do(files[i]) })
}

func (w *Work) eachIndex(ctx context.Context, n int, do func(int) error) error {
	workers := runtime.GOMAXPROCS(0)
	for _, k := range w.o.Held {
		if k.IsPlugin() { // it may ask for a touch, one at a time
			workers = 1
		}
	}
	errs := make([]error, n)
	next := make(chan int)
	var group sync.WaitGroup
	for range min(workers, n) {
		group.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
