# Packages that are names only, with the arguments of their builds. The attribute
# built of what runCommand makes can be built, by the machine's own shell and
# tools.
{ lib, system }:
let
  package =
    name: more:
    {
      type = "derivation";
      inherit name system;
      outPath = "/nix/store/00000000000000000000000000000000-${name}";
      drvPath = "/nix/store/00000000000000000000000000000000-${name}.drv";
      outputName = "out";
      outputs = [ "out" ];
      meta.mainProgram = name;
    }
    // more;

  named = lib.genAttrs [
    "age"
    "bolt"
    "deadnix"
    "git"
    "go"
    "gopls"
    "just"
    "nixfmt-tree"
    "qemu"
    "shellcheck"
    "smartmontools"
    "statix"
  ] (name: package name { });

  # TOML as nixpkgs' formats.toml writes it: plain keys first, then tables.
  toTOML =
    let
      isTable = builtins.isAttrs;
      scalar = v: if builtins.isList v then "[${lib.concatMapStringsSep ", " scalar v}]" else builtins.toJSON v;
      table =
        path: attrs:
        let
          names = builtins.attrNames attrs;
          plain = builtins.filter (n: !isTable attrs.${n}) names;
          tables = builtins.filter (n: isTable attrs.${n}) names;
        in
        lib.optionalString (path != "") "\n[${path}]\n"
        + lib.concatMapStringsSep "" (n: "${n} = ${scalar attrs.${n}}\n") plain
        + lib.concatMapStringsSep "" (n: table (if path == "" then n else "${path}.${n}") attrs.${n}) tables;
    in
    table "";

  pkgs = named // {
    inherit lib system;
    stdenv.buildPlatform.canExecute = platform: platform.system == system;
    buildPackages = pkgs;
    stdenv.hostPlatform = {
      inherit system;
      isAarch64 = system == "aarch64-linux";
    };
    python3Packages.requests = package "requests" { };
    # lab/nix-check puts the program there, for builds that run it.
    buildGoModule =
      args: package args.pname (args // lib.optionalAttrs (builtins.pathExists ./program) { outPath = "${./program}"; });
    callPackage =
      file: args:
      let
        f = if builtins.isFunction file then file else import file;
      in
      f (builtins.intersectAttrs (builtins.functionArgs f) pkgs // args);
    formats.toml = _: { generate = name: value: pkgs.writeText name (toTOML value); };
    runCommand =
      name: env: script:
      package name {
        inherit env script;
        built = derivation (
          {
            inherit name system;
            builder = "/bin/sh";
            args = [
              "-euc"
              script
            ];
            PATH = "/usr/bin:/bin";
          }
          // builtins.mapAttrs (_: v: v.built or v) (removeAttrs env [ "passthru" ])
        );
      };
    writeText =
      name: text:
      package name {
        inherit text;
        built = builtins.toFile name text;
      };
    mkShell = args: package "shell" args;
    testers.runNixOSTest = test: package "vm-test-${test.name}" { inherit test; };
  };
in
pkgs
