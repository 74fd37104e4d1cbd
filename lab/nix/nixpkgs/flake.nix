# A stand-in for nixpkgs with which lab/nix-check evaluates the flake: nixpkgs' own
# lib (in lib/) or the small one of lab/nix/lib.nix; the options that the modules
# set, with their real names and types; and packages that are names only.
{
  outputs = _: import ./outputs.nix (import (if builtins.pathExists ./lib then ./lib else ./lib.nix));
}
