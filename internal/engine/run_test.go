package engine

import (
	"path/filepath"
	"testing"

	"auto-installer/internal/sys"
)

// An engine that cannot create its files returns a fault with a hint.
func TestFilesThatCannotBeHad(t *testing.T) {
	dir := t.TempDir()
	good := Paths{Dir: dir, Events: filepath.Join(dir, "events.jsonl"), Log: filepath.Join(dir, "log")}
	const nowhere = "/proc/no-such-place/file" // root may write anywhere else
	for name, change := range map[string]func(*Paths){
		"folder": func(p *Paths) { p.Dir = nowhere },
		"events": func(p *Paths) { p.Events = nowhere },
		"log":    func(p *Paths) { p.Log = nowhere },
	} {
		p := good
		change(&p)
		_, err := Open(t.Context(), p)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		if e := sys.AsFault(err); e.Code != sys.CodeMachine || e.Hint == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	e, err := Open(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(nil); err != nil {
		t.Error(err)
	}
}
