package block

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// lookEvery is how often Watch looks. Plugging in a stick takes about as long.
const lookEvery = 300 * time.Millisecond

// Watch sends a tick after a block device came, went or changed. A pending tick stands
// for later ones. It closes the channel when ctx ends. Root is where /proc and /run are,
// "/" except in tests.
func Watch(ctx context.Context, root string) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	go func() {
		defer close(ticks)
		every := time.NewTicker(lookEvery)
		defer every.Stop()
		for last := present(root); ; {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			now := present(root)
			if now == last {
				continue
			}
			last = now
			select {
			case ticks <- struct{}{}:
			default:
			}
		}
	}()
	return ticks
}

// present returns a text that differs after every change of the block devices: the
// kernel's list of them, and the time when udev last replaced its record of a device
// (systemd: sd-device, device_update_db). udev does that after it has read the labels.
func present(root string) string {
	list, _ := os.ReadFile(filepath.Join(root, "proc/partitions"))
	if records, err := os.Stat(filepath.Join(root, "run/udev/data")); err == nil {
		list = records.ModTime().AppendFormat(list, time.RFC3339Nano)
	}
	return string(list)
}
