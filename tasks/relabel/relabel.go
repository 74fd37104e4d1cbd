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

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
)

// Options is what the user saw. The task looks again, and stops if it differs.
type Options struct {
	Find   Find
	Layout *Layout
}

// Ops set the labels that differ, and prove each of them. If one fails, or the
// operator stops it, they restore the old labels.
func Ops(o Options) []engine.Op {
	set, after := o.Layout.steps(context.Background(), o.Find.FS)
	return []engine.Op{engine.Together(slices.Concat(set.Actions, after.Actions), o.run)}
}

func (o Options) run(ctx context.Context, s sys.System) error {
	l, err := o.Find.Run(ctx, s)
	if err == nil {
		err = same(o.Layout, l)
	}
	if err != nil {
		return err
	}
	// A stop interrupts no command: half a label is worse than either.
	set, after := l.steps(ctx, o.Find.FS)
	if err := set.Run(context.WithoutCancel(ctx), s); err != nil {
		return restore(ctx, s, o.Find.FS, l.Changes(), err)
	}
	if err := s.Keep(); err != nil {
		return err
	}
	return after.Run(context.WithoutCancel(ctx), s)
}

// steps set the labels, and then restore the uses of the devices. They stop between two
// labels if stop is cancelled.
func (l *Layout) steps(stop context.Context, fs string) (set, after engine.Step) {
	release, resume := l.uses()
	changes := l.Changes()
	ops := []engine.Op{engine.Do("nothing: every label is correct", func(_ context.Context, s sys.System) error {
		s.Log("every label is correct")
		return nil
	})}
	if len(changes) > 0 {
		refresh := trigger(changes)
		// This is undone last: udev looks again once the old labels are restored.
		ops = []engine.Op{engine.Do("", func(ctx context.Context, s sys.System) error { return s.Do(ctx, settle, refresh) })}
		ops = append(ops, release...)
		for _, c := range changes {
			ops = append(ops, engine.Do("", func(context.Context, sys.System) error { return unused(c, fs) }))
		}
		for _, c := range changes {
			ops = append(ops, engine.Do("", func(_ context.Context, s sys.System) error {
				s.Log(c.String())
				return context.Cause(stop)
			}), engine.RunUndone(c.set(c.To), c.set(c.From)).Hint(sys.CodeWritten, ""))
		}
		ops = append(ops, engine.Run(refresh), engine.Run(settle),
			engine.Do("read every label back from the disk, and follow udev's links to it",
				func(ctx context.Context, s sys.System) error { return prove(ctx, s, fs, l.Labels) }))
	}
	return engine.NewStep("set", "", engine.Write, ops...), engine.NewStep("resume", "", engine.Write, resume...)
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
	ctx = context.WithoutCancel(ctx) // undo all the same
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
