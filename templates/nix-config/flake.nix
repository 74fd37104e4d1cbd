{
  description = "My NixOS hosts";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    # OWNER is the owner of the copy that you use.
    auto-installer.url = "github:OWNER/auto-installer";
    auto-installer.inputs.nixpkgs.follows = "nixpkgs";
    agenix.url = "github:ryantm/agenix";
    agenix.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    {
      self,
      nixpkgs,
      auto-installer,
      agenix,
    }:
    let
      inherit (nixpkgs) lib;
      # Every folder with a host.toml is a host; a new one needs no edit here.
      hosts = lib.filterAttrs (name: _: builtins.pathExists (./hosts + "/${name}/host.toml")) (
        builtins.readDir ./hosts
      );
      installers = auto-installer.lib.mkInstallers { inherit self; };
    in
    {
      nixosConfigurations =
        lib.mapAttrs (
          name: _:
          lib.nixosSystem {
            system = "x86_64-linux";
            modules = [
              ./common.nix
              agenix.nixosModules.default
              auto-installer.nixosModules.age-identity
              # The filesystems, the swap and the keymap that the installer makes.
              (auto-installer.lib.layout (./hosts + "/${name}/host.toml"))
            ]
            ++ lib.filter builtins.pathExists [ (./hosts + "/${name}/configuration.nix") ];
          }
        ) hosts
        # nixosConfigurations.<host>-installer
        // installers.nixosConfigurations;

      # nix build .#<host>InstallerIso --print-build-logs; nix flake check
      inherit (installers) packages checks;
    };
}
