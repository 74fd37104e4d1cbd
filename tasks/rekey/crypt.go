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

	"auto-installer/internal/sys"
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
// error by the files' order. done is called after each, one at a time.
func (w *Work) each(ctx context.Context, files []*File, done func(n int), do func(*File) error) error {
	workers := runtime.GOMAXPROCS(0)
	for _, k := range w.o.Held {
		if k.IsPlugin() { // it may ask for a touch, one at a time
			workers = 1
		}
	}
	errs := make([]error, len(files))
	next := make(chan int)
	var group sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range min(workers, len(files)) {
		group.Go(func() {
			for i := range next {
				errs[i] = do(files[i])
				mu.Lock()
				n++
				done(n)
				mu.Unlock()
			}
		})
	}
	for i := range files {
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

// progress reports how many of the files are done.
func progress(s sys.System, files []*File, label string) func(int) {
	return func(n int) {
		s.Progress(sys.Progress{Done: int64(n), Total: int64(len(files)), Unit: "files", Label: label})
	}
}
