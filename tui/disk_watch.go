package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"auto-installer/steps"
)

type disksMsg struct {
	disks []steps.Verdict
	err   error
}

// disksChangedMsg: a disk came or went.
type disksChangedMsg struct{ changes <-chan struct{} }

func listDisks(b Backend) tea.Cmd {
	return func() tea.Msg {
		vs, err := b.Disks(context.Background())
		return disksMsg{vs, err}
	}
}

// watchDisks starts to listen for disks that come and go.
func watchDisks(b Backend) tea.Cmd {
	return func() tea.Msg {
		changes, err := b.WatchDisks(context.Background())
		if err != nil {
			return nil // the list is still read at each visit
		}
		return awaitDisks(changes)()
	}
}

func awaitDisks(changes <-chan struct{}) tea.Cmd {
	return func() tea.Msg {
		if _, ok := <-changes; !ok {
			return nil
		}
		return disksChangedMsg{changes}
	}
}
