package rekey

import (
	"encoding/json"
	"os"
	"slices"

	"auto-installer/secrets"
	"auto-installer/steps/internal/tree"
)

// record tells to whom this program has encrypted a file, by the file's hash:
// an age1… recipient cannot be told from another one in the file itself. It
// holds nothing secret, is kept in the git folder, and may be lost: then files
// are encrypted once more than needed.
type record map[string][]string

// maxRecord is how many files are remembered beside those of the rules.
const maxRecord = 10000

func readRecord(file string) record {
	r := record{}
	data, err := os.ReadFile(file)
	if file == "" || err != nil || json.Unmarshal(data, &r) != nil {
		return record{}
	}
	return r
}

// has tells whether a file was encrypted to the recipients that are wanted.
func (r record) has(f *File) bool {
	to, ok := r[f.sum]
	return ok && slices.Equal(to, ids(f.Recipients))
}

// ids names recipients in an order of their own.
func ids(rs []*secrets.Recipient) []string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = r.ID()
	}
	slices.Sort(list)
	return list
}

// note remembers what was encrypted now.
func (w *Work) note() error {
	files := w.changed()
	if w.o.Record == "" || len(files) == 0 {
		return nil
	}
	r := w.record
	if len(r) > maxRecord {
		r = record{} // of files long gone, mostly
	}
	for _, f := range files {
		r[hashOf(f.after)] = ids(f.Recipients)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tree.WritePrivate(w.o.Record, data)
}
