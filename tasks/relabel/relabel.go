// Package relabel gives the disk of an installed host the labels of its definition,
// so that its configuration can refer to them.
//
// It works on the running system. ext4 takes a new label while it is mounted
// (e2label(8)). A LUKS2 label lies in the header, which an open container does not
// use. A partition name lies in the table; the kernel reads only its places. relabel
// unmounts the ESP, because FAT's label is an entry of the root directory, which the
// kernel writes too. It switches swap off, because the kernel forbids writes to the
// device of an active one (linux: block/fops.c, blkdev_write_iter).
package relabel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Options is what the user saw. Run looks again, and stops if it differs.
type Options struct {
	Find   Find
	Layout *Layout
}

// Actions is what Run will do.
func Actions(o Options) []sys.Action {
	changes := o.Layout.Changes()
	if len(changes) == 0 {
		return []sys.Action{{Does: "nothing: every label is correct"}}
	}
	var as []sys.Action
	held := holds(o.Layout)
	for _, h := range held {
		as = append(as, h.release.Action())
	}
	for _, l := range changes {
		as = append(as, l.set(l.To).Action())
	}
	as = append(as, trigger(changes).Action(), settle.Action(),
		sys.Action{Does: "read every label back from the disk, and follow udev's links to it"})
	for _, h := range held {
		if h.again != nil {
			as = append(as, h.again.Action())
		}
	}
	return as
}

// trigger makes udev look at the devices again: it may miss a label that changes in
// place.
func trigger(labels []Label) sys.Cmd {
	argv := []string{"udevadm", "trigger", "--action=change"}
	for _, l := range labels {
		if !slices.Contains(argv, l.Node) {
			argv = append(argv, l.Node)
		}
	}
	return sys.Cmd{Does: "let udev look at them again", Argv: argv}
}

var settle = sys.Cmd{Does: "wait for the labels to be known", Argv: []string{"udevadm", "settle"}}

// Run sets the labels that differ, and proves each of them. If one fails, or ctx
// ends, it restores the old labels. ctx interrupts no command: half a label is
// worse than either.
func Run(ctx context.Context, s sys.System, o Options) error {
	l, err := o.Find.Run(ctx, s)
	if err != nil {
		return err
	}
	if err := same(o.Layout, l); err != nil {
		return err
	}
	changes := l.Changes()
	if len(changes) == 0 {
		s.Log("every label is correct")
		return nil
	}
	if err := apply(ctx, s, o.Find.FS, l); err != nil {
		return restore(ctx, s, o.Find.FS, changes, err)
	}
	if err := s.Keep(); err != nil {
		return err
	}
	return resume(context.WithoutCancel(ctx), s, l)
}

// same compares what the user saw with the machine, without the labels' values: an
// interrupted run may have restored them since.
func same(shown, now *Layout) error {
	plain := func(l *Layout) []Label {
		ls := slices.Clone(l.Labels)
		for i := range ls {
			ls[i].From = ""
		}
		return ls
	}
	ok, why := shown.Disk.Same(now.Disk)
	if ok && !reflect.DeepEqual(plain(shown), plain(now)) {
		ok, why = false, "other partitions are in use"
	}
	if !ok {
		return sys.Faultf(sys.CodeGate, "run the command again", "the disk has changed since it was shown: %s", why)
	}
	return nil
}

func apply(ctx context.Context, s sys.System, fs string, l *Layout) error {
	changes := l.Changes()
	whole := context.WithoutCancel(ctx)
	// This is undone last: udev looks again once the old labels are restored.
	if err := s.Do(whole, settle, trigger(changes)); err != nil {
		return err
	}
	for _, h := range holds(l) {
		if err := h.end(whole, s); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if err := unused(c, fs); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.Log(c.String())
		if err := s.Do(whole, c.set(c.To), c.set(c.From)); err != nil {
			return sys.WithHint(err, sys.CodeWritten, "", "to "+c.set(c.To).Does)
		}
	}
	for _, c := range []sys.Cmd{trigger(changes), settle} {
		if err := s.Run(whole, c); err != nil {
			return sys.Incomplete(err, "to "+c.Does)
		}
	}
	return prove(whole, s, fs, l.Labels)
}

// prove reads every label back from the disk and follows udev's links.
func prove(ctx context.Context, s sys.System, fs string, labels []Label) error {
	for _, l := range labels {
		is, err := l.read(ctx, s, fs)
		if err == nil && is != l.To {
			err = fmt.Errorf("it is %q", is)
		}
		if err == nil {
			err = l.leads(fs)
		}
		if err != nil {
			return sys.WithHint(err, sys.CodeWritten, "", fmt.Sprintf("the %s %s of %s was set, but", l.Kind, l.To, l.Device))
		}
	}
	s.Log(fmt.Sprintf("%d labels read back from the disk; udev's links lead to them", len(labels)))
	return nil
}

// restore restores the old labels after a failure, and verifies them.
func restore(ctx context.Context, s sys.System, fs string, changes []Label, why error) error {
	stopped := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	s.Log("restoring the old labels")
	err := errors.Join(s.Unwind(ctx), s.Run(ctx, settle))
	var wrong []string
	for _, c := range changes {
		if is, rerr := c.read(ctx, s, fs); rerr != nil || is != c.From {
			wrong = append(wrong, c.set(c.From).String())
		}
	}
	if len(wrong) > 0 {
		return sys.Faultf(sys.CodeWritten, "do this by hand, before you reboot: "+strings.Join(wrong, "; "),
			"%v; and not every old label could be restored", why)
	}
	if err != nil {
		return sys.Faultf(sys.CodeWritten, "read the log", "%v; every old label is restored, but then: %v", why, err)
	}
	s.Log("every old label is restored")
	if stopped {
		return why
	}
	return sys.WithHint(why, sys.CodeWritten, "every old label is restored; read the log", "nothing was changed")
}
