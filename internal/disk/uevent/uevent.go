// Package uevent watches block devices come, go and change.
package uevent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// pause is how long announcements are collected for a tick: plugging in a stick
// makes a dozen of them.
const pause = 300 * time.Millisecond

// Multicast groups of NETLINK_KOBJECT_UEVENT. The kernel announces first; udev
// repeats each announcement in its own group after its rules have made links and
// labels (systemd: src/libsystemd/sd-device, MonitorNetlinkGroup).
const (
	groupKernel = 1 << 0
	groupUdev   = 1 << 1
)

// udevRuns exists while udevd runs; libudev checks it, too.
const udevRuns = "/run/udev/control"

// Watch sends a tick after a block device came, went or changed: at most 300 ms
// after the announcement, and one tick for all in that time. A pending tick
// stands for later ones. Watch closes the channel when ctx ends, or if the socket
// breaks.
//
// It listens to udev, or to the kernel if udev does not run. Everyone may listen;
// only root can send (kernel: net/netlink/af_netlink.c, NL_CFG_F_NONROOT_RECV).
func Watch(ctx context.Context) (<-chan struct{}, error) {
	groups := uint32(groupUdev)
	if _, err := os.Stat(udevRuns); err != nil {
		groups = groupKernel
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("listening for devices: %w", err)
	}
	f := os.NewFile(uintptr(fd), "uevent")
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("listening for devices: %w", err), f.Close())
	}
	return watch(ctx, f), nil
}

// watch is Watch on a socket with one announcement a read. It closes f.
func watch(ctx context.Context, f *os.File) <-chan struct{} {
	ticks := make(chan struct{}, 1)
	stop := context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer close(ticks)
		defer f.Close()
		defer stop()
		buf := make([]byte, 64<<10)
		pending := false
		for ctx.Err() == nil {
			n, err := f.Read(buf)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				pending = false
				_ = f.SetReadDeadline(time.Time{})
				select {
				case ticks <- struct{}{}:
				default:
				}
				continue
			case errors.Is(err, unix.ENOBUFS):
				// Announcements were lost, perhaps of a block device.
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil || n == 0:
				return
			case !isBlock(buf[:n]):
				continue
			}
			if !pending {
				pending = true
				_ = f.SetReadDeadline(time.Now().Add(pause))
			}
		}
	}()
	return ticks
}
