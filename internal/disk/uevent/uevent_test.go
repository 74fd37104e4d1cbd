package uevent

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func kernelMessage(head string, properties ...string) []byte {
	return []byte(head + "\x00" + strings.Join(properties, "\x00") + "\x00")
}

func udevMessage(properties ...string) []byte {
	body := strings.Join(properties, "\x00") + "\x00"
	msg := []byte(udevPrefix)
	msg = binary.BigEndian.AppendUint32(msg, udevMagic)
	for _, n := range []int{40, 40, len(body), 0, 0, 0, 0} {
		msg = binary.NativeEndian.AppendUint32(msg, uint32(n))
	}
	return append(msg, body...)
}

func TestIsBlock(t *testing.T) {
	damaged := func(at int, b ...byte) []byte {
		msg := udevMessage("ACTION=add", "SUBSYSTEM=block")
		copy(msg[at:], b)
		return msg
	}
	for name, c := range map[string]struct {
		msg  []byte
		want bool
	}{
		"kernel":              {kernelMessage("add@/devices/x/block/sdb", "ACTION=add", "SUBSYSTEM=block", "MAJOR=8"), true},
		"kernel, network":     {kernelMessage("add@/devices/x/net/eth0", "ACTION=add", "SUBSYSTEM=net"), false},
		"kernel, longer name": {kernelMessage("add@/devices/x", "SUBSYSTEM=blocks"), false},
		"kernel, no path":     {kernelMessage("add@", "SUBSYSTEM=block"), false},
		"no head":             {kernelMessage("SUBSYSTEM=block", "SUBSYSTEM=block"), false},
		"udev":                {udevMessage("ACTION=change", "SUBSYSTEM=block", "ID_FS_LABEL=@/"), true},
		"udev, input":         {udevMessage("ACTION=change", "SUBSYSTEM=input"), false},
		"udev, wrong magic":   {damaged(8, 1), false},
		"udev, offset huge":   {damaged(16, 255, 255, 255, 255), false},
		"udev, offset small":  {damaged(16, 0, 0, 0, 0), false},
		"udev, length huge":   {damaged(20, 255, 255, 255, 255), false},
		"udev, cut off":       {udevMessage("SUBSYSTEM=block")[:20], false},
		"empty":               {nil, false},
	} {
		if got := isBlock(c.msg); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzIsBlock(f *testing.F) {
	f.Add(kernelMessage("add@/devices/x/block/sdb", "ACTION=add", "SUBSYSTEM=block"))
	f.Add(udevMessage("ACTION=change", "SUBSYSTEM=block"))
	f.Add([]byte(udevPrefix))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if isBlock(msg) && !bytes.Contains(msg, []byte("SUBSYSTEM=block")) {
			t.Errorf("%q", msg)
		}
	})
}

// socket is a pair that keeps messages apart, as netlink does. Only root may
// send to the real one.
func socket(t *testing.T) (ours *os.File, send func(msg []byte)) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "sender")
	t.Cleanup(func() { theirs.Close() })
	return os.NewFile(uintptr(fds[0]), "receiver"), func(msg []byte) {
		t.Helper()
		if _, err := theirs.Write(msg); err != nil {
			t.Error(err)
		}
	}
}

// ended waits for the channel's end, and counts ticks before it.
func ended(t *testing.T, ticks <-chan struct{}) (n int) {
	t.Helper()
	for deadline := time.After(time.Minute); ; n++ {
		select {
		case _, ok := <-ticks:
			if !ok {
				return n
			}
		case <-deadline:
			t.Fatal("the watch does not end")
		}
	}
}

func TestManyAnnouncementsAreOneTick(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f, send := socket(t)
	for range 100 { // all are there when the watch begins, however busy the machine
		send(udevMessage("SUBSYSTEM=block"))
	}
	began := time.Now()
	ticks := watch(ctx, f)
	<-ticks
	if took := time.Since(began); took < pause {
		t.Errorf("the tick came after %v", took)
	}
	send(udevMessage("SUBSYSTEM=net"))
	select {
	case <-ticks:
		t.Error("a tick without a block device")
	case <-time.After(2 * pause):
	}
	send(kernelMessage("remove@/devices/x/block/sdb", "SUBSYSTEM=block"))
	<-ticks
	cancel()
	if n := ended(t, ticks); n != 0 {
		t.Errorf("%d ticks after the end", n)
	}
}

// A stream that never stops must not put the tick off for ever.
func TestFloodStillTicks(t *testing.T) {
	f, send := socket(t)
	ticks := watch(t.Context(), f)
	timeout := time.After(time.Minute)
	for n := 0; n < 3; {
		send(udevMessage("SUBSYSTEM=block"))
		select {
		case <-ticks:
			n++
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			t.Fatalf("%d ticks in a minute", n)
		}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	fds := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	files := fds()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		ticks, err := Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		ended(t, ticks)
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before || fds() > files; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files, were %d and %d", runtime.NumGoroutine(), fds(), before, files)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestBrokenSocketEndsTheWatch(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ticks := watch(t.Context(), os.NewFile(uintptr(fds[0]), "receiver"))
	if err := unix.Close(fds[1]); err != nil {
		t.Fatal(err)
	}
	ended(t, ticks)
}

// Root can make the kernel repeat an announcement (Documentation/ABI/testing/
// sysfs-uevent); everybody hears it. For others this test opens the watch only.
func TestRealAnnouncement(t *testing.T) {
	ticks, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	devices, err := filepath.Glob("/sys/class/block/*/uevent")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if os.WriteFile(d, []byte("change"), 0o200) != nil {
			continue
		}
		select {
		case <-ticks:
		case <-time.After(time.Minute):
			t.Errorf("no tick after %s", d)
		}
		return
	}
}
