# What must hold for a medium to be built.
{ config, lib, ... }:
let
  cfg = config.autoInstaller;
  host = cfg.settings;

  inherit (builtins) all concatLists isPath match storeDir;
  inherit (lib) hasPrefix optional optionals;

  fails = map (message: {
    assertion = false;
    message = "autoInstaller.${message}";
  });

  # What is checked again on the medium, by the program.
  hostProblems = import ./checks.nix { inherit lib; } host;
  disagreements = import ./agreement.nix { inherit lib; } host (import ./contract.nix cfg.target.config);

  isPublicKey = key: match "((sk-)?(ssh|ecdsa)-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( [^\n]*)?\n?" key != null;
  keyAllowed = "allowed: one line of an OpenSSH public key, such as ssh-ed25519 AAAA…";

  prebuilt =
    optional (cfg.prebuilt && cfg.target == null)
      "prebuilt: is true, but target is not set, so there is no system to put on the medium; set autoInstaller.target = self.nixosConfigurations.${cfg.targetHost}"
    ++
      optional (cfg.prebuilt && cfg.source == null)
        "prebuilt: is true, but source is not set, so that the config repo would have to be cloned over the network; set autoInstaller.source = self";

  pinned =
    optional (!cfg.prebuilt && cfg.repoRef == "" && cfg.revision == null && cfg.dirtyRevision != null)
      "revision: the config repo has uncommitted changes (${cfg.dirtyRevision}), which a clone on the target would not have; commit and push them, or set repoRef to what is to be installed";

  keys =
    optional (cfg.deployPublicKey != null && !isPublicKey cfg.deployPublicKey)
      "deployPublicKey: is no public key; ${keyAllowed}"
    ++ optional (!all isPublicKey cfg.authorizedKeys) "authorizedKeys: one of them is no public key; ${keyAllowed}";

  isInStore = file: isPath file || hasPrefix "${storeDir}/" (toString file);
  file = cfg.unattended.passphraseFile;
  disk = cfg.unattended.disk;
  unattended = optionals cfg.unattended.enable (
    optional (file != null && isInStore file)
      "unattended.passphraseFile: is in the Nix store, which everyone can read and which goes onto the medium; name, as a string, a file that the running medium will have, such as \"/run/keys/passphrase\""
    ++
      optional (file != null && !isInStore file && !hasPrefix "/" file)
        "unattended.passphraseFile: ${builtins.toJSON file} is not absolute; allowed: the path of a file on the running medium"
    ++
      optional (cfg.luks.enable && file == null)
        "unattended.passphraseFile: is required by luks.enable, but not set; allowed: the path of a file on the running medium"
    ++
      optional (!cfg.luks.enable && file != null)
        "unattended.passphraseFile: is set, but luks.enable is false, so that it would protect nothing; allowed: luks.enable = true, or no passphraseFile"
    ++
      optional (disk != null && !hasPrefix "/dev/disk/by-id/" disk)
        "unattended.disk: ${builtins.toJSON disk} may be another disk after the next boot; allowed: a name in /dev/disk/by-id, which is always the same disk"
  );
in
{
  assertions = fails (
    hostProblems
    ++ optionals (hostProblems == [ ] && cfg.target != null) disagreements
    ++ prebuilt
    ++ pinned
    ++ keys
    ++ unattended
  );

  warnings =
    optional (!cfg.prebuilt && cfg.repoRef == "" && cfg.revision == null && cfg.dirtyRevision == null)
      "autoInstaller.revision is not set: the installer of ${cfg.targetHost} takes the remote's HEAD, whatever that is by then."
    ++
      optional (cfg.target == null)
        "autoInstaller.target is not set: whether ${cfg.targetHost} mounts what its installer makes is not checked until it runs.";
}
