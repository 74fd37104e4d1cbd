# agenix' rules: which file is for whom. `auto-installer rekey` follows them.
let
  keys = import ./keys.nix;
in
{
  "sample/wifi.age".publicKeys = keys.sample;
}
