# A NixOS-shaped configuration without nixpkgs. Its systems build in under a second and
# boot in the same way as NixOS: a toplevel with activate, init, kernel and initrd;
# switch-to-configuration; systemd-boot; root found by label. The binary parts come from
# an input, as nixpkgs does. lab/live/build puts them into the store, locks the input,
# and commits everything as the git repo `nix-config`.
{
  description = "The lab's demo hosts";

  inputs.parts = {
    url = "path:PARTS";
    flake = false;
  };

  outputs =
    { self, parts }:
    let
      hostNames = builtins.attrNames (
        builtins.removeAttrs (builtins.readDir ./hosts) [ "README.md" ]
      );
      mkHost = import ./system/host.nix {
        rev = self.rev or "dirty";
        inherit parts;
      };
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
