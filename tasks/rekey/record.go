package rekey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// record says to whom this program has encrypted files, by their hashes: the file
// itself does not show its age1… recipients. It belongs to the user and not to the
// repo: a prepared repo could claim false recipients. It holds nothing secret.
// Without it, files are encrypted once more than needed.
type record map[string][]string

const (
	maxRecord     = 10000    // files
	maxRecordSize = 64 << 20 // bytes
)

// RecordFile is the record of this user, in the folder for the state of programs
// (XDG Base Directory Specification). It is empty if that folder is another user's:
// sudo may leave it in the environment.
func RecordFile() string {
	isMine := func(dir string) bool {
		info, err := os.Stat(dir)
		return err == nil && mine(info)
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) || !isMine(home) {
			return ""
		}
		state = filepath.Join(home, ".local/state")
	}
	if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) && !isMine(state) {
		return ""
	}
	return filepath.Join(state, "auto-installer", "rekeyed.json")
}

// own refuses a file or a folder that another user can have written, and a link.
func own(name string) error {
	info, err := os.Lstat(name)
	if err == nil && (info.Mode()&fs.ModeSymlink != 0 || !mine(info)) {
		err = fmt.Errorf("%s is not of this user alone", name)
	}
	return err
}

// mine reports whether only this user can have written a file.
func mine(info fs.FileInfo) bool {
	return int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() && !sys.OthersWrite(info)
}

// readRecord reads a record. It ignores one that is damaged, another user's, or
// behind a link.
func readRecord(file string) record {
	if file == "" || own(filepath.Dir(file)) != nil || own(file) != nil {
		return record{}
	}
	data, err := sys.ReadRegular(file, maxRecordSize)
	if err != nil {
		return record{}
	}
	return parseRecord(data)
}

func parseRecord(data []byte) record {
	r := record{}
	if json.Unmarshal(data, &r) != nil || r == nil {
		return record{}
	}
	return r
}

// has reports whether this program encrypted a file to its recipients.
func (r record) has(f *File) bool {
	to, ok := r[f.sum]
	return ok && slices.Equal(to, ids(f.Recipients))
}

// ids names recipients, sorted.
func ids(rs []*secrets.Recipient) []string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = r.ID()
	}
	slices.Sort(list)
	return list
}

// note records the recipients of the files that were encrypted.
func (w *Work) note() error {
	files := w.changed()
	if w.o.Record == "" || len(files) == 0 {
		return nil
	}
	r := readRecord(w.o.Record) // again: commands in other repos write it too
	if len(r) > maxRecord {
		r = record{} // most of its files are gone
	}
	for _, f := range files {
		r[hashOf(f.after)] = ids(f.Recipients)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	dir := filepath.Dir(w.o.Record)
	if err := errors.Join(os.MkdirAll(dir, 0o700), own(dir)); err != nil {
		return err
	}
	return sys.WriteFile(w.o.Record, data, 0o600)
}
