// Package lab runs auto-installer on a real machine: QEMU with UEFI firmware, a
// live system on a USB stick that stands in for the NixOS installer ISO, blank
// disks, and a git server that only this machine can reach. The installed disk then
// boots alone, and prints on its console what it found.
//
// A scenario reads as a dialogue:
//
//	image, err := lab.Build(ctx, os.Stderr)
//	disk, err := lab.CreateDisk(dir+"/target.img", 4<<30)
//	m, err := lab.Start(ctx, lab.Config{Name: "plain", Image: image, Stick: true,
//		Network: lab.GitServer, Disks: []lab.Disk{{Path: disk, Serial: "TARGET", Bus: lab.NVMe}}})
//	defer m.Close()
//	err = m.AwaitAgent(ctx)
//	out, err := m.Agent.Run(ctx, nil, "auto-installer", "install", …)
//
// It needs Linux, root, and the packages that live/build names.
package lab
