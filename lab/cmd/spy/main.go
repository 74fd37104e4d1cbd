// Command spy records what every process exposes to others: its arguments and its
// environment, a line each. It runs in a live system until it gets SIGTERM. It reads
// all processes when it starts and when it ends, and in between each process that
// executes a program, as the kernel reports it.
//
//	spy FILE
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	out, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	executed, err := listen()
	if err != nil {
		log.Fatal(err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	all, _ := filepath.Glob("/proc/[0-9]*")
	note(out, all...)
	for {
		select {
		case pid := <-executed:
			note(out, fmt.Sprint("/proc/", pid))
		case <-end:
			all, _ := filepath.Glob("/proc/[0-9]*")
			note(out, all...)
			return
		}
	}
}

// note writes down what processes expose; it skips one that has ended.
func note(out *os.File, processes ...string) {
	for _, process := range processes {
		for _, name := range []string{"cmdline", "environ"} {
			text, _ := os.ReadFile(filepath.Join(process, name))
			if _, err := out.Write(append(bytes.ReplaceAll(text, []byte{0}, []byte("\n")), '\n')); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// listen returns the processes that execute a program (Linux's
// Documentation/driver-api/connector.rst, linux/cn_proc.h).
func listen() (<-chan uint32, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, err
	}
	const processes = 1 // CN_IDX_PROC, CN_VAL_PROC, and PROC_CN_MCAST_LISTEN
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: processes}); err != nil {
		return nil, err
	}
	// struct nlmsghdr, struct cn_msg, and the operation.
	request := make([]byte, 16+20+4)
	order := binary.NativeEndian
	order.PutUint32(request, uint32(len(request)))
	order.PutUint16(request[4:], unix.NLMSG_DONE)
	order.PutUint32(request[16:], processes)
	order.PutUint32(request[20:], processes)
	order.PutUint16(request[32:], 4)
	order.PutUint32(request[36:], processes)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	executed := make(chan uint32, 1000)
	go func() {
		event := make([]byte, 4096)
		for {
			n, _, err := unix.Recvfrom(fd, event, 0)
			const exec = 2 // PROC_EVENT_EXEC
			if err == nil && n >= 60 && order.Uint32(event[36:]) == exec {
				executed <- order.Uint32(event[56:]) // its process, not its thread
			}
		}
	}()
	return executed, nil
}
