//go:build e2e

package lab

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSaved: two machines resumed from the same saved one each have their own ids and
// the current time.
func TestSaved(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, serial := range []string{"ONE", "TWO"} {
		d := disk(t, serial, NVMe, 4096, 1*gib)
		i := liveMachine(t, Config{Name: "TestSaved-" + serial, Network: GitServer, Disks: []Disk{d}})
		ask := func(what, script string) string {
			t.Helper()
			text := strings.TrimSpace(shell(t, i.Machine, script))
			t.Logf("%s: %s", what, text)
			return text
		}
		for what, script := range map[string]string{
			"random numbers": "head -c 16 /dev/urandom | base64",
			"machine id":     "cat /etc/machine-id",
			"journal":        "ls /run/log/journal",
		} {
			text := ask(what, script)
			if own := what + text; seen[own] || text == "" || strings.Contains(text, "\n") {
				t.Errorf("both machines have the %s %q", what, text)
			} else {
				seen[own] = true
			}
		}
		for what, script := range map[string]string{
			"clock":               "date +%s",
			"hardware clock":      "cat /sys/class/rtc/rtc0/since_epoch",
			"journal's beginning": "journalctl --quiet --output short-unix --lines +1 | cut -d . -f 1",
		} {
			n, err := strconv.ParseInt(ask(what, script), 10, 64)
			if off := time.Since(time.Unix(n, 0)).Abs(); err != nil || off > time.Minute {
				t.Errorf("the %s is off by %v, %v", what, off, err)
			}
		}
		for what, c := range map[string][2]string{
			"kernel's word on its random numbers": {"dmesg", "crng reseeded due to virtual machine fork"},
			"udev's words on the disk":            {"udevadm info --query property " + d.ID(), "ID_SERIAL_SHORT=" + serial},
			"lease":                               {"until ip -4 -o address show dev eth0 | grep inet; do sleep 0.1; done; cat /run/systemd/netif/leases/*", "ADDRESS=10.0.2."},
			"sectors":                             {"cat /sys/class/block/nvme0n1/queue/logical_block_size", "4096"},
		} {
			if text := shell(t, i.Machine, c[0]); !strings.Contains(text, c[1]) {
				t.Errorf("no %q in the %s:\n%s", c[1], what, text)
			}
		}
		i.untouched()
	}
}
