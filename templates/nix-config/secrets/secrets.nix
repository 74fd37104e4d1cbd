# agenix' rules: which file is for whom. `auto-installer rekey` keeps to them.
#
#   let
#     keys = import ./keys.nix;
#   in
#   {
#     "wifi.age".publicKeys = keys.sample;
#   }
{ }
