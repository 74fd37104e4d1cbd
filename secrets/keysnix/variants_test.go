package keysnix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/nix/nixtest"
)

// variant is a keys.nix in a style that authors use.
type variant struct {
	src   []byte
	style string
	list  bool // an entry is a list of keys, not one key
}

var variantKeys = []string{keyA, keyB, keyC, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICYvKXGcG4a19tTT0Rycbn+D0r/YlKltLJ9dY2gR/Fjx root@four"}

// newVariant writes one at random.
func newVariant(r *rand.Rand) variant {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	w := &variantWriter{r: r, indent: pick("  ", "  ", "\t", "    "), quote: r.IntN(3) == 0, many: r.IntN(2) == 0}
	names := []string{"ultraviolet", "stygian-library", "vermissian", "web01"}[:1+r.IntN(4)]
	v := variant{style: pick("sets", "sets", "sets", "lists", "keys", "let", "shared")}
	w.comment(0, "Keys of machines and people; see secrets.nix.")
	switch v.style {
	case "sets":
		v.list = true
		set := pick("hosts", "hosts", "systems", "machines")
		w.line(0, "let")
		w.comment(1, "from /etc/age/<host>.agekey; check with: age-keygen -y")
		w.keys(1, set, names)
		w.line(1, "users = {", `"me@home" = "`+keyP+`";`, `# "me@work" = "...";`, "};")
		w.line(1, "all = builtins.attrValues users;")
		if r.IntN(2) == 0 && len(names) > 1 {
			w.line(1, "publishers = [ "+set+"."+names[0]+" "+set+"."+names[1]+" ] ++ all;")
		}
		rest := pick(" ++ all", " ++ builtins.attrValues users", "")
		w.line(0, pick("in {", "in\n{", "in rec {"))
		w.comment(1, "host key, and every user's")
		for _, n := range names {
			if rest == "" {
				w.entry(n, []string{set + "." + n, `users."me@home"`}, "")
			} else {
				w.entry(n, []string{set + "." + n}, rest)
			}
		}
		w.line(1, "me = all;")
	case "shared":
		v.list = true
		w.line(0, "let")
		w.keys(1, "hosts", names)
		w.line(1, `sharedKeys = [ "`+keyS+`" ];`, `personal = "`+keyP+`";`)
		w.line(0, "in {")
		for _, n := range names {
			w.entry(n, []string{"hosts." + n}, pick(" ++ sharedKeys ++ [ personal ]"))
		}
	case "let":
		v.list = true
		w.line(0, "let")
		for i, n := range names {
			w.line(1, w.name(n, false)+` = "`+variantKeys[i]+`";`)
		}
		w.line(1, `everyone = [ "`+keyP+`" ];`)
		w.line(0, "in {")
		for _, n := range names {
			w.entry(n, []string{n}, " ++ everyone")
		}
	case "lists":
		v.list = true
		w.line(0, "{")
		for i, n := range names {
			w.entry(n, []string{`"` + variantKeys[i] + `"`, `"` + keyS + `"`, `"` + keyP + `"`}, "")
		}
		w.line(1, `"me" = [ "`+keyP+`" ];`)
	case "keys":
		w.line(0, pick("{", "rec {"))
		for i, n := range names {
			w.line(1, w.name(n, true)+` = "`+variantKeys[i]+`";`)
		}
	}
	w.line(0, "}")
	v.src = w.out.Bytes()
	if r.IntN(6) == 0 {
		v.src = bytes.ReplaceAll(v.src, []byte("\n"), []byte("\r\n"))
	}
	if r.IntN(6) == 0 {
		v.src = bytes.TrimRight(v.src, "\r\n")
	}
	return v
}

type variantWriter struct {
	r           *rand.Rand
	out         bytes.Buffer
	indent      string
	quote, many bool
}

func (w *variantWriter) line(depth int, lines ...string) {
	for i, l := range lines {
		d := depth
		if i > 0 && l != "};" {
			d++
		}
		w.out.WriteString(strings.Repeat(w.indent, d) + l + "\n")
	}
}

func (w *variantWriter) comment(depth int, text string) {
	switch w.r.IntN(4) {
	case 0:
		w.line(depth, "# "+text)
	case 1:
		w.out.WriteString("\n" + strings.Repeat(w.indent, depth) + "/* " + text + "\n   { \"not\" = [ code; */\n")
	}
}

func (w *variantWriter) name(n string, mayQuote bool) string {
	if w.quote && mayQuote {
		return `"` + n + `"`
	}
	return n
}

func (w *variantWriter) keys(depth int, set string, names []string) {
	w.line(depth, set+" = {")
	for i, n := range names {
		end := ""
		if w.r.IntN(4) == 0 {
			end = " # re-imaged {"
		}
		w.line(depth+1, w.name(n, true)+` = "`+variantKeys[i]+`";`+end)
	}
	w.line(depth, "};")
}

func (w *variantWriter) entry(n string, list []string, rest string) {
	if !w.many {
		w.line(1, w.name(n, true)+" = [ "+strings.Join(list, " ")+" ]"+rest+";")
		return
	}
	w.line(1, w.name(n, true)+" = [")
	for _, k := range list {
		if w.r.IntN(5) == 0 {
			k += " # " + n + "'s"
		}
		w.line(2, k)
	}
	w.line(1, "]"+rest+";")
}

const variants = 200

// allVariants are the same in each run.
func allVariants() []variant {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]variant, variants)
	for i := range list {
		list[i] = newVariant(r)
	}
	return list
}

func TestVariantsKeepEveryOtherByte(t *testing.T) {
	styles := map[string]int{}
	for i, v := range allVariants() {
		styles[v.style]++
		e, err := added(v.src, "new-host", keyN)
		if err != nil {
			t.Errorf("%d: %v in\n%s", i, err, v.src)
			continue
		}
		if extra, ok := inserted(v.src, e.Data); !ok || !slices.Equal(extra, e.Added) {
			t.Errorf("%d: %s\nbecame\n%s\nby %q", i, v.src, e.Data, extra)
		}
		for _, k := range []string{keyO, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIL2vjdqpppuCn7yPdF2muINriAG7zBWrsELKpPWkhn5"} {
			changed, err := replaced(e.Data, "new-host", k)
			if err != nil || string(changed.Data) != strings.Replace(string(e.Data), keyN, k, 1) {
				t.Errorf("%d: replaced: %v", i, err)
			}
		}
	}
	if len(styles) != 5 {
		t.Errorf("styles drawn: %v", styles)
	}
}

// inserted are the lines that changed adds to old. ok: it keeps all of old's lines, in
// order.
func inserted(old, changed []byte) (extra []string, ok bool) {
	rest := strings.Split(string(old), "\n")
	for _, line := range strings.Split(string(changed), "\n") {
		if len(rest) > 0 && line == rest[0] {
			rest = rest[1:]
			continue
		}
		extra = append(extra, strings.TrimSuffix(line, "\r"))
	}
	return extra, len(rest) == 0
}

// nix reads the files before and after: the new host has the entry of its siblings
// with its own key, and nothing else has changed.
func TestVariantsMeanTheSameToNix(t *testing.T) {
	nixtest.Need(t)
	dir := t.TempDir()
	list := allVariants()
	expr := "["
	for i, v := range list {
		e, err := added(v.src, "new-host", keyN)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"old": v.src, "new": e.Data} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s%d.nix", name, i)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expr += fmt.Sprintf(" [ (import ./old%d.nix) (import ./new%d.nix) ]", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "all.nix"), []byte(expr+" ]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nix", "--extra-experimental-features", "nix-command", "eval", "--json", "--file", filepath.Join(dir, "all.nix"))
	cmd.Env = append(os.Environ(), "NIX_REMOTE=dummy://")
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as it comes from exec
		t.Fatalf("%v\n%s", err, exit.Stderr)
	}
	var pairs [][2]map[string]any
	if err := json.Unmarshal(out, &pairs); err != nil || len(pairs) != len(list) {
		t.Fatal(err, len(pairs))
	}
	for i, p := range pairs {
		before, after := p[0], p[1]
		got := after["new-host"]
		delete(after, "new-host")
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%d: something else is changed:\n%v\n%v", i, before, after)
		}
		if want := entryLike(before["ultraviolet"], keyA, keyN); !reflect.DeepEqual(got, want) {
			t.Errorf("%d: the entry is %v, not %v", i, got, want)
		}
	}
}

// entryLike is an entry with one key for another.
func entryLike(entry any, old, key string) any {
	list, ok := entry.([]any)
	if !ok {
		return key
	}
	list = slices.Clone(list)
	for i, k := range list {
		if k == old {
			list[i] = key
		}
	}
	return list
}
