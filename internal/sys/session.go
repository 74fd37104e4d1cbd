package sys

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sessions names the file with the session of the running command. The next start ends
// what a killed program left running, which would keep the target busy. With an empty
// name, no session is noted.
type Sessions string

// add notes a command's session. If that fails, the command only outlives a kill.
func (s Sessions) add(pid int) {
	if s == "" {
		return
	}
	if p, ok := readProcess(pid); ok {
		_ = WriteFile(string(s), fmt.Appendf(nil, "%d %d\n", pid, p.start), 0o600)
	}
}

func (s Sessions) remove() {
	if s != "" {
		os.Remove(string(s))
	}
}

// End kills every process of the noted session and waits until all have ended, at most
// for patience. It returns how many it killed.
//
// A session's number is not given to a new process while one of its processes
// lives (kernel/pid.c), so a leader that started at another time means that the noted
// session has ended.
func (s Sessions) End(patience time.Duration) int {
	data, err := os.ReadFile(string(s))
	if s == "" || err != nil {
		return 0
	}
	defer s.remove()
	var sid int
	var start uint64
	if n, _ := fmt.Sscan(string(data), &sid, &start); n != 2 || sid <= 1 {
		return 0
	}
	if p, ok := readProcess(sid); ok && p.start != start {
		return 0
	}
	killed := 0
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		found := members(sid)
		killed = max(killed, len(found))
		for _, pid := range found {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(found) == 0 || time.Now().After(deadline) {
			return killed
		}
	}
}

// process is the part of /proc/PID/stat that is needed (proc_pid_stat(5)).
type process struct {
	state   byte
	session int
	start   uint64 // clock ticks since boot
}

func readProcess(pid int) (process, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	// The name, field 2, may hold any character. Field 3 follows its last parenthesis.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 20 {
		return process{}, false
	}
	session, err1 := strconv.Atoi(f[3])
	start, err2 := strconv.ParseUint(f[19], 10, 64)
	return process{f[0][0], session, start}, err1 == nil && err2 == nil
}

// members returns the living processes of a session.
func members(sid int) []int {
	entries, _ := os.ReadDir("/proc") // none: nothing to end
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok && p.session == sid && p.state != 'Z' {
			pids = append(pids, pid)
		}
	}
	return pids
}
