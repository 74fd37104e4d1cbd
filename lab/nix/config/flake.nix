# The hosts' own configurations, as lab/nix-check gives them to the flake in
# place of a user's config repo. It stands beside copies of hosts/, modules/
# and lab/nix.
{
  outputs =
    { self }:
    let
      nixpkgs = import ./nix/nixpkgs/outputs.nix (import ./nix/lib.nix);
      inherit (nixpkgs) lib;
      names = builtins.filter (name: builtins.pathExists (./hosts + "/${name}/host.toml")) (
        builtins.attrNames (builtins.readDir ./hosts)
      );
    in
    {
      nixosConfigurations = lib.genAttrs names (
        name:
        lib.nixosSystem {
          system = "x86_64-linux";
          modules = [
            (import ./modules/layout.nix (lib.importTOML (./hosts + "/${name}/host.toml")))
            { boot.loader.systemd-boot.enable = true; }
          ];
        }
      );
    };
}
