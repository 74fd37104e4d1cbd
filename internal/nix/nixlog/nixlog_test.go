package nixlog

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

const path = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-toplevel"

// heard is a Log that checks each progress and keeps all.
func heard(t testing.TB) (l *Log, lines *[]string, progress *[]sys.Progress) {
	lines, progress = new([]string), new([]sys.Progress)
	return &Log{
		Line: func(s string) { *lines = append(*lines, s) },
		Progress: func(p sys.Progress) {
			if p.Done < 0 || p.Total <= 0 || p.Done > p.Total {
				t.Errorf("progress %+v", p)
			}
			*progress = append(*progress, p)
		},
	}, lines, progress
}

func TestFlakeLog(t *testing.T) {
	f, err := os.Open("testdata/flake.log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l, lines, progress := heard(t)
	for s := bufio.NewScanner(f); s.Scan(); {
		l.Feed(s.Text())
	}
	wantLines := []string{
		"warning: Git tree '/run/auto-installer/repo' is dirty",
		"these 2 derivations will be built:",
		"  /nix/store/00000000000000000000000000000001-unit.drv",
		"copying path '/nix/store/00000000000000000000000000000002-glibc-2.40' from 'auto'",
		"building '/nix/store/00000000000000000000000000000001-unit.drv'",
		"unit> compiling", // in colour, as nix has it
		"unit> posted",
		"something new",
		"@nix not json",
	}
	if !slices.Equal(*lines, wantLines) {
		t.Errorf("lines %q,\nwant %q", *lines, wantLines)
	}
	wantProgress := []sys.Progress{
		{Done: 0, Total: 2, Unit: "builds"},
		{Done: 0, Total: 3, Unit: "paths"},
		{Done: 0, Total: 3, Unit: "paths", Label: "glibc-2.40"},
		{Done: 1, Total: 3, Unit: "paths", Label: "glibc-2.40"},
		{Done: 0, Total: 2, Unit: "builds", Label: "glibc-2.40"}, // expected shrank to 2 of 2
		{Done: 0, Total: 2, Unit: "builds", Label: "unit"},
		{Done: 0, Total: 2, Unit: "builds", Label: "unit: unpackPhase"},
		{Done: 1, Total: 2, Unit: "builds", Label: "unit: unpackPhase"},
		{Done: 2, Total: 2, Unit: "builds", Label: "unit: unpackPhase"},
	}
	for i, p := range *progress { // what was copied is checked below
		(*progress)[i] = sys.Progress{Done: p.Done, Total: p.Total, Unit: p.Unit, Label: p.Label}
	}
	if last := slices.Compact(*progress); !slices.Equal(last, wantProgress) {
		t.Errorf("progress %+v,\nwant %+v", *progress, wantProgress)
	}
	if done, total := l.bytesDone, l.bytesTotal; done != 4096 || total != 4096 {
		t.Errorf("%d of %d bytes", done, total)
	}
	if len(l.acts) != 4 { // realise, builds, copyPaths, and the unknown one
		t.Errorf("%d activities are remembered", len(l.acts))
	}
}

func TestFeed(t *testing.T) {
	const start = `@nix {"action":"start","id":1,"type":103}`
	for _, c := range []struct {
		name  string
		feed  []string
		lines []string
		last  sys.Progress
		error string
	}{
		{name: "done passes what is expected", feed: []string{start, `@nix {"action":"result","id":1,"type":105,"fields":[9,4]}`}, last: sys.Progress{Done: 4, Total: 4, Unit: "paths"}},
		{name: "negative", feed: []string{start, `@nix {"action":"result","id":1,"type":105,"fields":[-9,4]}`}, last: sys.Progress{Total: 4, Unit: "paths"}},
		{name: "negative total", feed: []string{start, `@nix {"action":"result","id":1,"type":105,"fields":[1,-4]}`}},
		{name: "fields of other types", feed: []string{start, `@nix {"action":"result","id":1,"type":105,"fields":["a",{}]}`, `@nix {"action":"result","id":1,"type":101,"fields":[5]}`}, lines: []string{""}},
		{name: "no fields", feed: []string{start, `@nix {"action":"result","id":1,"type":105}`, `@nix {"action":"result","id":1,"type":104}`}},
		{name: "results and stops of unknown activities", feed: []string{`@nix {"action":"result","id":7,"type":105,"fields":[1,2]}`, `@nix {"action":"result","id":7,"type":104,"fields":["p"]}`, `@nix {"action":"stop","id":7}`}},
		{name: "build line of an unknown activity", feed: []string{`@nix {"action":"result","id":7,"type":101,"fields":["said"]}`}, lines: []string{"said"}},
		{name: "numbers too large", feed: []string{`@nix {"action":"start","id":99999999999999999999999,"type":103}`}, lines: []string{"nix printed a message of 63 bytes that cannot be read"}},
		{name: "cut in the middle", feed: []string{`@nix {"action":"msg","level":0,"ms`}, lines: []string{"nix printed a message of 34 bytes that cannot be read"}},
		{name: "behind a question of ssh", feed: []string{`me@host's password: @nix {"action":"msg","level":0,"msg":"error: a"}`}, lines: []string{"me@host's password: ", "error: a"}, error: "a"},
		{name: "prefix alone", feed: []string{"@nix ", "@nix"}, lines: []string{"@nix ", "@nix"}},
		{name: "null", feed: []string{"@nix null", "@nix {}"}},
		{name: "error in several lines", feed: []string{`@nix {"action":"msg","level":0,"msg":"\u001b[31merror:\u001b[0m a\n\n  b\n","raw_msg":""}`}, lines: []string{"error: a", "  b"}, error: "a\n\n  b"},
		{name: "the last error counts", feed: []string{`@nix {"action":"msg","level":0,"msg":"one"}`, `@nix {"action":"msg","level":0,"msg":"two"}`, `@nix {"action":"msg","level":1,"msg":"warning"}`}, lines: []string{"one", "two", "warning"}, error: "two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, lines, progress := heard(t)
			for _, s := range c.feed {
				l.Feed(s)
			}
			var last sys.Progress
			if n := len(*progress); n > 0 {
				last = (*progress)[n-1]
			}
			if !slices.Equal(*lines, c.lines) || last != c.last || l.Error != c.error {
				t.Errorf("lines %q, progress %+v, error %q", *lines, last, l.Error)
			}
		})
	}
}

// What nix says in a line of any length is read whole, and an error of it is
// short.
func TestLongMessage(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{98 << 10, 3 << 20, 20 << 20} {
		file := filepath.Join(dir, "log")
		text := `@nix {"action":"msg","level":0,"msg":"error: ` + strings.Repeat("é", size/2) + `"}` + "\n" + `@nix {"action":"msg","level":0,"msg":"error: the end"}` + "\n"
		if size > sys.MaxMessage {
			text = strings.Replace(text, "the end", "after it", 1)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &lines{}
		err := Run(t.Context(), &sys.Machine{Reporter: r}, sys.Cmd{Argv: []string{"sh", "-c", `head -n "$1" "$0" >&2; exit 1`, file, "1"}})
		if exit, ok := errors.AsType[*sys.ExitError](err); !ok || len(exit.Error()) > 700 || strings.Contains(exit.Error(), "@nix") {
			t.Errorf("%d bytes: an error of %d bytes: %.300s", size, len(err.Error()), err)
		}
		sum := 0
		for _, line := range r.lines {
			sum += len(line)
			if strings.Contains(line, `"action"`) || len(line) > maxPart || !utf8.ValidString(line) {
				t.Errorf("%d bytes: a line of %d bytes: %.80q", size, len(line), line)
			}
		}
		if whole := sum >= size; whole != (size < sys.MaxMessage) {
			t.Errorf("%d bytes: the log has %d", size, sum)
		}
		r.lines = nil
		err = Run(t.Context(), &sys.Machine{Reporter: r}, sys.Cmd{Argv: []string{"sh", "-c", `head -n "$1" "$0" >&2; exit 1`, file, "2"}})
		if !strings.Contains(err.Error(), text[strings.LastIndex(text, "error: "):len(text)-3]) {
			t.Errorf("%d bytes: what comes after it is lost: %.300s", size, err)
		}
	}
}

type lines struct {
	sys.Silent
	lines []string
}

func (l *lines) Log(line string) { l.lines = append(l.lines, line) }

// A copy that ends early counts as done, and the sum of bytes never shrinks.
func TestBytesNeverShrink(t *testing.T) {
	l, _, _ := heard(t)
	var before int64
	for _, s := range []string{
		`@nix {"action":"start","id":1,"type":100,"fields":["/nix/store/a","x","y"]}`,
		`@nix {"action":"result","id":1,"type":105,"fields":[10,100]}`,
		`@nix {"action":"start","id":2,"type":100,"fields":["/nix/store/b","x","y"]}`,
		`@nix {"action":"result","id":2,"type":105,"fields":[60,50]}`,
		`@nix {"action":"stop","id":1}`,
		`@nix {"action":"stop","id":2}`,
		`@nix {"action":"stop","id":2}`,
	} {
		l.Feed(s)
		done, total := l.bytesDone, l.bytesTotal
		if done < before || done > total {
			t.Errorf("%d of %d bytes after %d", done, total, before)
		}
		before = done
	}
	if before != 150 {
		t.Errorf("%d bytes", before)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l, _, _ := heard(t)
	l.Line = func(string) {}
	long := strings.Repeat("x", 10_000)
	for id := range maxActivities + 10 {
		l.Feed(`@nix {"action":"start","type":105,"id":` + strconv.Itoa(id) + `,"fields":["/nix/store/` + long[:1+id%300] + `"]}`)
	}
	l.Feed(`@nix {"action":"start","type":105,"id":0,"fields":["` + long + `"]}`)
	if len(l.acts) != maxActivities {
		t.Errorf("%d activities", len(l.acts))
	}
	for _, a := range l.acts {
		if len(a.name) > maxName {
			t.Fatalf("a name of %d bytes", len(a.name))
		}
	}
}

func TestStoreName(t *testing.T) {
	for in, want := range map[string]string{
		path: "toplevel", "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a.drv": "a", "a": "a", "": "",
		"/nix/store/": "", "/nix/store/short-a": "short-a", "0123456789abcdfghijklmnpqrsvwxyz-": "0123456789abcdfghijklmnpqrsvwxyz-",
	} {
		if got := storeName(in); got != want {
			t.Errorf("storeName(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzFeed(f *testing.F) {
	data, err := os.ReadFile("testdata/flake.log")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add("@nix {\"action\":\"start\",\"id\":1,\"type\":100}\n@nix {\"action\":\"result\",\"id\":1,\"type\":105,\"fields\":[1,9223372036854775807]}\n@nix {\"action\":\"stop\",\"id\":1}")
	f.Fuzz(func(t *testing.T, log string) {
		l, lines, _ := heard(t)
		for line := range strings.SplitSeq(log, "\n") {
			l.Feed(line)
			done, total := l.bytesDone, l.bytesTotal
			if done < 0 || done > total || total > maxCount {
				t.Fatalf("%d of %d bytes", done, total)
			}
		}
		size := 0
		for _, s := range *lines {
			size += len(s)
		}
		// A build's line gets its name before it; nothing else grows. One byte
		// that is not UTF-8 becomes three.
		if size > 3*len(log)+len(*lines)*3*(maxName+2) {
			t.Fatalf("%d bytes of lines out of %d", size, len(log))
		}
		if len(l.acts) > strings.Count(log, "\n")+1 {
			t.Fatalf("%d activities", len(l.acts))
		}
	})
}

// What `nix store verify` tells: counts of paths, and what it found.
func TestVerifyLog(t *testing.T) {
	l, lines, progress := heard(t)
	for _, line := range []string{
		`{"action":"start","id":1,"level":0,"parent":0,"text":"","type":107}`,
		`{"action":"result","fields":[0,2,1,0],"id":1,"type":105}`,
		`{"action":"start","id":2,"level":3,"parent":0,"text":"checking '` + path + `'","type":0}`,
		`{"action":"msg","level":0,"msg":"path '` + path + `' was modified! expected hash 'sha256:a', got 'sha256:b'"}`,
		`{"action":"result","fields":[2,2,0,0],"id":1,"type":105}`,
	} {
		l.Feed("@nix " + line)
	}
	if !strings.Contains(l.Error, "was modified") || len(*lines) != 2 {
		t.Errorf("%q, %q", l.Error, *lines)
	}
	last := (*progress)[len(*progress)-1]
	if last.Done != 2 || last.Total != 2 || last.Unit != "paths" {
		t.Errorf("%+v", *progress)
	}
}
