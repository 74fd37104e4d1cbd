# The scripts that the modules write, for lab/nix/scripts-check to run. Their store
# paths are those of the stand-in for nixpkgs.
{ root }:
let
  nixpkgs = import ./nixpkgs/outputs.nix (import ./lib.nix);
  evaluate =
    modules:
    (nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      inherit modules;
    }).config;
  installer = evaluate [
    (root + "/modules/installer.nix")
    {
      autoInstaller = {
        targetHost = "demo";
        repoRemote = "https://example.org/x.git";
        labels = {
          efi = "DEMO-EFI";
          root = "DEMO-ROOT";
        };
        deployPublicKey = "ssh-ed25519 AAAAC3Nz demo-installer";
        extraBootCommands = "echo boot commands";
      };
    }
  ];
  identity = evaluate [
    (root + "/modules/age-identity.nix")
    {
      networking.hostName = "demo";
      ageIdentity = {
        directory = "/test/age";
        sshKey = "/test/ssh_host_ed25519_key";
        recipients = [ "age1nobody" ];
      };
    }
  ];
in
{
  medium = installer.autoInstaller.medium.script;
  hostFile = installer.autoInstaller.hostFile.script;
  boot = installer.boot.initrd.systemd.services.auto-installer-boot-commands.script;
  identity = identity.system.activationScripts.ageIdentity.text;
}
