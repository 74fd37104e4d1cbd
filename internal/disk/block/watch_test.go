package block

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	root := t.TempDir()
	list, records := filepath.Join(root, "proc/partitions"), filepath.Join(root, "run/udev/data")
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Dir(list), 0o755), os.WriteFile(list, []byte("8 0 1 sda\n"), 0o600))
	changes := map[string]func(){
		"a disk comes":      func() { must(os.WriteFile(list, []byte("8 0 1 sda\n8 16 1 sdb\n"), 0o600)) },
		"a disk goes":       func() { must(os.WriteFile(list, nil, 0o600)) },
		"udev starts":       func() { must(os.MkdirAll(records, 0o755)) },
		"udev reads a disk": func() { must(os.Chtimes(records, time.Unix(1, 0), time.Unix(1, 0))) },
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ticks := Watch(ctx, root)
		synctest.Wait()
		ticked := func() (ticked bool) {
			time.Sleep(lookEvery)
			synctest.Wait()
			select {
			case <-ticks:
				return true
			default:
				return false
			}
		}
		for _, name := range []string{"a disk comes", "a disk goes", "udev starts", "udev reads a disk"} {
			if ticked() {
				t.Errorf("a tick before %s", name)
			}
			if changes[name](); !ticked() {
				t.Errorf("no tick after %s", name)
			}
		}
		changes["a disk comes"]()
		time.Sleep(lookEvery)
		synctest.Wait()
		changes["a disk goes"]()
		if !ticked() || ticked() {
			t.Error("two changes before the reader looks are not one tick")
		}
		stop()
		synctest.Wait()
		if _, open := <-ticks; open {
			t.Error("it goes on after its end")
		}
	})
}
