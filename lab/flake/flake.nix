# A NixOS-shaped configuration without nixpkgs: what it builds boots, by the
# same roads as NixOS (a toplevel with activate, init, kernel and initrd;
# switch-to-configuration; systemd-boot; root found by label), and takes under
# a second to build. lab/live/build adds the binary parts (boot/, tools/) and
# commits the whole as the git repo `nix-config`.
{
  description = "The lab's demo hosts";

  outputs =
    { self }:
    let
      hostNames = builtins.attrNames (
        builtins.removeAttrs (builtins.readDir ./hosts) [ "README.md" ]
      );
      mkHost = import ./system/host.nix { rev = self.rev or "dirty"; };
    in
    {
      nixosConfigurations = builtins.listToAttrs (
        map (name: {
          inherit name;
          value = mkHost name (builtins.fromTOML (builtins.readFile (./hosts + "/${name}/host.toml")));
        }) hostNames
      );
    };
}
