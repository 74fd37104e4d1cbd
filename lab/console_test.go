package lab

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// serial returns a console and the machine's end of its line.
func serial(t *testing.T) (*Console, net.Conn, *bytes.Buffer) {
	t.Helper()
	host, machine := net.Pipe()
	t.Cleanup(func() { host.Close(); machine.Close() })
	log := new(bytes.Buffer)
	return newConsole(host, log), machine, log
}

func TestExpectMatchesInOrder(t *testing.T) {
	console, machine, _ := serial(t)
	go func() {
		for _, piece := range []string{"boot\r\nlog", "in: root\r\n# ", "login: again"} {
			machine.Write([]byte(piece))
		}
	}()
	match, err := console.Expect(t.Context(), regexp.MustCompile(`login: (\w+)`))
	if err != nil || match[1] != "root" {
		t.Fatalf("got %q, %v", match, err)
	}
	if match, err = console.Expect(t.Context(), regexp.MustCompile(`login: (\w+)`)); err != nil || match[1] != "again" {
		t.Fatalf("the second match is %q, %v", match, err)
	}
}

func TestExpectGivesUp(t *testing.T) {
	console, machine, _ := serial(t)
	go machine.Write([]byte("something else"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := console.ExpectString(ctx, "never")
	if err == nil || !strings.Contains(err.Error(), "something else") {
		t.Fatalf("the error is %v", err)
	}
	machine.Close()
	if err := console.ExpectString(t.Context(), "never"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Fatalf("after the end the error is %v", err)
	}
}

func TestExpectMarker(t *testing.T) {
	console, machine, log := serial(t)
	go func() {
		machine.Write([]byte("\r\nAUTO-INSTALLER-MARKER {\"host\":\"demo\",\"mapper\":\"demo-crypt\",\"swap\":{\"device\":\"/dev/mapper/swap\",\"kind\":\"random\"},"))
		machine.Write([]byte("\"identity\":[{\"path\":\"/etc/age/demo.agekey\",\"mode\":\"600\",\"uid\":\"0\",\"gid\":\"0\",\"dirmode\":\"700\"}]}\r\r\n"))
	}()
	marker, err := console.ExpectMarker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if marker.Host != "demo" || *marker.Mapper != "demo-crypt" || marker.Swap.Kind != "random" || marker.Identity[0].DirMode != "700" {
		t.Errorf("the marker is %+v", marker)
	}
	if !bytes.Equal(console.Transcript(), log.Bytes()) {
		t.Error("transcript and log differ")
	}
}

func TestMarkerThatIsNotJSON(t *testing.T) {
	if _, err := parseMarker(`{"host":}`); err == nil {
		t.Error("no error")
	}
}
