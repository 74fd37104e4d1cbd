# The flake's lib: installers from the folders of a config repo.
#
# A host's folder holds
#   host.toml      its options
#   installer.nix  optional: a module for its installer, which overrides host.toml
#   bundle.age     optional: its sealed age identity and deploy key
#   deploy.pub     optional: the public half of the deploy key
{ autoInstaller, nixpkgs }:
let
  inherit (nixpkgs) lib;

  # Every value as a default, so that installer.nix overrides it.
  asDefaults = lib.mapAttrsRecursive (_: lib.mkDefault);

  # Like the program, this takes a byte order mark and CRLF.
  readTOML =
    file:
    builtins.fromTOML (
      builtins.replaceStrings [ "\r\n" ] [ "\n" ] (
        lib.removePrefix (builtins.fromJSON ''"\ufeff"'') (builtins.readFile file)
      )
    );

  given = file: value: lib.optionalAttrs (builtins.pathExists file) value;

  folder =
    dir:
    { lib, ... }:
    {
      _file = "${toString dir}/host.toml";
      imports = lib.optional (builtins.pathExists (dir + "/installer.nix")) (dir + "/installer.nix");
      config.autoInstaller =
        given (dir + "/host.toml") (asDefaults (readTOML (dir + "/host.toml")))
        // given (dir + "/bundle.age") { bundle = lib.mkDefault (dir + "/bundle.age"); }
        // given (dir + "/deploy.pub") {
          deployPublicKey = lib.mkDefault (lib.trim (builtins.readFile (dir + "/deploy.pub")));
        };
    };

  # mkInstaller makes the nixosConfiguration of one host's installer.
  mkInstaller =
    {
      # The config repo's flake, with the host's nixosConfiguration.
      self,
      # The host's folder in it.
      dir,
      # The system of the machine that boots the medium.
      system ? "x86_64-linux",
      # Of the live system.
      nixpkgs ? null,
      # More modules for every installer, such as one with caches and keys.
      modules ? [ ],
    }:
    let
      from = if nixpkgs == null then defaultNixpkgs else nixpkgs;
    in
    from.lib.nixosSystem {
      inherit system;
      modules = [
        autoInstaller.nixosModules.installer
        (folder dir)
        (
          { config, ... }:
          {
            autoInstaller = {
              target = lib.mkDefault (self.nixosConfigurations.${config.autoInstaller.targetHost} or null);
              source = lib.mkDefault (self.outPath or null);
              revision = lib.mkDefault (self.rev or null);
              dirtyRevision = lib.mkDefault (self.dirtyRev or null);
            };
          }
        )
      ]
      ++ modules;
    };
  defaultNixpkgs = nixpkgs;

  # The names of the folders that are hosts.
  hostsIn =
    hosts:
    builtins.filter (
      name: lib.any (file: builtins.pathExists (hosts + "/${name}/${file}")) [ "host.toml" "installer.nix" ]
    ) (lib.attrNames (lib.filterAttrs (_: type: type == "directory") (builtins.readDir hosts)));

  # mkInstallers makes the installer of every host:
  # nixosConfigurations.<host>-installer, packages.<system>.<host>InstallerIso, and
  # checks.<system>.<host>-installer, by which `nix flake check` refuses an unfit
  # host. It takes the arguments of mkInstaller with hosts, the folder of the hosts'
  # folders, in place of dir.
  mkInstallers =
    {
      self,
      hosts ? self + "/hosts",
      system ? "x86_64-linux",
      ...
    }@args:
    let
      installers = lib.genAttrs (hostsIn hosts) (
        name: mkInstaller (removeAttrs args [ "hosts" ] // { dir = hosts + "/${name}"; })
      );
    in
    {
      nixosConfigurations = lib.mapAttrs' (name: lib.nameValuePair "${name}-installer") installers;
      packages.${system} = lib.mapAttrs' (
        name: installer: lib.nameValuePair "${name}InstallerIso" installer.config.autoInstaller.medium
      ) installers;
      checks.${system} = lib.mapAttrs' (
        name: installer: lib.nameValuePair "${name}-installer" installer.config.autoInstaller.hostFile
      ) installers;
    };

  # layout makes the filesystems and the swap of a host.toml (a file, or the
  # values in it) a NixOS module for the host itself.
  layout = host: import ./layout.nix (if builtins.isAttrs host then host else readTOML host);
in
{
  inherit layout mkInstaller mkInstallers;
}
