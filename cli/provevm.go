package cli

import (
	"time"

	"github.com/spf13/cobra"

	"auto-installer/cli/secret"
	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/steps"
	"auto-installer/tasks/provevm"
)

func proveBootCommand() *cobra.Command {
	var flags taskFlags
	var accel string
	pass := secret.Flag{Name: "passphrase", Line: true}
	var limit time.Duration
	c := &cobra.Command{
		Use: "prove-boot DISK", Short: "Boot an installed disk or disk image in a virtual machine",
		Long: "Boot an installed disk, or a disk image, in a virtual machine with UEFI firmware, and\n" +
			"watch its serial line until its init runs. The disk is opened read-only. It needs\n" +
			"qemu-system-x86_64, qemu-img and OVMF; without KVM it is slow.",
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if accel != "" && accel != "kvm" && accel != "tcg" {
				return sys.Usage("use kvm or tcg, or leave it out", "--accel: unknown accelerator %q", accel)
			}
			disk, err := steps.ChooseDisk(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			b := provevm.Request{Disk: disk.Path, SectorSize: disk.LogicalSector, Accel: accel, Limit: limit}
			if b.Passphrase, err = pass.Read(); err != nil {
				return err
			}
			defer clear(b.Passphrase)
			const name = "prove-boot"
			return flags.run(cmd, name, provevm.Plan(b, engine.TaskPaths(name)))
		}),
	}
	flags.register(c)
	pass.Register(c, "type the LUKS passphrase from this file; a line break at its end is ignored")
	c.Flags().StringVar(&accel, "accel", "", "the accelerator: kvm, or tcg for emulation; default: kvm if available, and tcg if kvm fails")
	c.Flags().DurationVar(&limit, "limit", 0, "time limit; default 3m with KVM and 20m without")
	return c
}
