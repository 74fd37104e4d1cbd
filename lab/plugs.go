package lab

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// SetLink plugs the network cable in, or pulls it.
func (m *Machine) SetLink(ctx context.Context, up bool) error {
	return m.Monitor.Execute(ctx, "set_link", map[string]any{"name": "nic", "up": up}, nil)
}

// Unplug pulls a disk (by its serial) or the stick ("LABSTICK") out of the
// running machine.
func (m *Machine) Unplug(ctx context.Context, serial string) error {
	if err := m.Monitor.Execute(ctx, "device_del", map[string]any{"id": serial}, nil); err != nil {
		return err
	}
	_, err := m.Monitor.AwaitEvent(ctx, func(e Event) bool {
		return e.Name == "DEVICE_DELETED" && strings.Contains(string(e.Data), `"device": "`+serial+`"`)
	})
	return err
}

// Plug plugs an unplugged USB disk in again.
func (m *Machine) Plug(ctx context.Context, d Disk) error {
	node := "again-" + d.Serial
	// QEMU keeps the backend of an earlier Plug; the device may not have released it
	// yet.
	for range 50 {
		err := m.Monitor.Execute(ctx, "blockdev-del", map[string]any{"node-name": node}, nil)
		if err == nil || strings.Contains(err.Error(), "Failed to find") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	again := d.device()
	again["drive"] = node
	return errors.Join(
		m.Monitor.Execute(ctx, "blockdev-add", map[string]any{
			"node-name": node, "driver": "raw", "cache": map[string]any{"no-flush": true},
			"file": map[string]any{"driver": "file", "filename": d.Path, "discard": "unmap"},
		}, nil),
		m.Monitor.Execute(ctx, "device_add", again, nil))
}

// Throttle limits a disk to so many bytes a second; 0 removes the limit.
func (m *Machine) Throttle(ctx context.Context, d Disk, bytes int) error {
	return m.Monitor.Execute(ctx, "block_set_io_throttle", map[string]any{
		"device": d.driveID(), "bps": 0, "bps_rd": 0, "bps_wr": bytes, "iops": 0, "iops_rd": 0, "iops_wr": 0,
	}, nil)
}

// StickChanged reports whether the machine wrote to the stick.
func (m *Machine) StickChanged() (bool, error) {
	err := exec.Command("qemu-img", "compare", "-q", "-U", "-f", "raw", "-F", "qcow2",
		m.Image.Stick(), filepath.Join(m.dir, "stick.qcow2")).Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return true, nil
	}
	return false, err
}
