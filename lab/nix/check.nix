# The checks of lab/nix-check: each has a name and is true, or text that says what
# is wrong.
{
  # The project's top folder.
  root,
  # nixpkgs' lib, or the stand-in for it.
  nixpkgsLib ? import ./lib.nix,
}:
let
  nixpkgs = import ./nixpkgs/outputs.nix nixpkgsLib;
  inherit (nixpkgs) lib;
  pkgs = nixpkgs.legacyPackages.x86_64-linux;

  evaluate =
    modules:
    (lib.nixosSystem {
      system = "x86_64-linux";
      inherit modules;
    }).config;
  installer = settings: evaluate [ (root + "/modules/installer.nix") { autoInstaller = settings; } ];
  failed = config: map (a: a.message) (builtins.filter (a: !a.assertion) config.assertions);

  cases = import ./cases.nix { inherit lib pkgs root installer evaluate; };

  same = got: want: if got == want then true else "got ${builtins.toJSON got}, want ${builtins.toJSON want}";
  named = name: value: { inherit name value; };

  said = case: named case.name (same (failed (installer case.set)) case.says);
  rendered = case: named case.name (same (case.of (installer case.set)) case.is);

  all =
    map said cases.messages
    ++ map (c: if c ? check then named c.name c.check else rendered c) cases.values
    ++ map (c: named c.name c.check) cases.others;
in
rec {
  passed = builtins.length (builtins.filter (c: c.value == true) all);
  failed = map (c: "${c.name}: ${toString c.value}") (builtins.filter (c: c.value != true) all);
  # Each stops the evaluation, so lab/nix-check evaluates it alone.
  inherit (cases) errors;
  report = {
    inherit passed failed;
    errors = builtins.mapAttrs (_: e: e.says) errors;
  };
}
