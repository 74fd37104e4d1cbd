# `nix build .#<host>InstallerIso --print-build-logs`: the image and its checksum
# in iso/, and in the build log the deploy key for private repos.
{
  lib,
  pkgs,
  targetHost,
  deployPublicKey,
  image,
}:
pkgs.runCommand "${targetHost}-installer-iso"
  {
    passthru = { inherit image; };
    key = lib.optionalString (deployPublicKey != null) (lib.trim deployPublicKey);
    host = targetHost;
  }
  ''
    mkdir -p "$out/iso"
    ln -s ${image}/iso/*.iso "$out/iso/"
    (cd "$out/iso" && for iso in *.iso; do sha256sum "$iso" >"$iso.sha256"; done)
    if [[ -n $key ]]; then
      echo "INSTALLER SSH PUBLIC KEY for $host:"
      echo "$key"
    else
      echo "$host has no deploy key (hosts/$host/deploy.pub); it cannot clone private repos"
    fi
  ''
