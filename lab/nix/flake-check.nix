# The cases of lab/nix-check with nixpkgs' own lib, as a check of the flake.
{ lib, pkgs }:
let
  result = import ./check.nix {
    root = ../..;
    nixpkgsLib = lib;
  };
in
if result.failed != [ ] then
  throw (lib.concatStringsSep "\n" result.failed)
else
  pkgs.runCommand "modules-checked" { } ''
    echo "${toString result.passed} passed, 0 failed" | tee "$out"
  ''
