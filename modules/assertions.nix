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
  # With a bad host there is nothing to compare.
  agreement =
    if hostProblems == [ ] && cfg.target != null then
      import ./agreement.nix { inherit lib; } host (import ./contract.nix cfg.target.config)
    else
      {
        bad = [ ];
        notes = [ ];
      };

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
  # The options that name a file with a secret.
  secretFiles = lib.filterAttrs (_: file: file != null) {
    inherit (cfg.unattended) passphraseFile bundlePassphraseFile ageIdentityFile;
  };
  secretFile =
    name: file:
    if isInStore file then
      [
        ''unattended.${name}: is in the Nix store, which everyone can read and which goes onto the medium; allowed: the path, as a string, of a file on the running medium, such as "/run/keys/secret"''
      ]
    else
      optional (
        !hasPrefix "/" file
      ) "unattended.${name}: ${builtins.toJSON file} is not absolute; allowed: the path of a file on the running medium";
  given = name: secretFiles ? ${name};
  identities =
    lib.filter given [
      "bundlePassphraseFile"
      "ageIdentityFile"
    ]
    ++ optional cfg.unattended.noAgeIdentity "noAgeIdentity";
  disk = cfg.unattended.disk;
  unattended = optionals cfg.unattended.enable (
    concatLists (lib.mapAttrsToList secretFile secretFiles)
    ++
      optional (cfg.luks.enable && !given "passphraseFile")
        "unattended.passphraseFile: is required by luks.enable, but not set; allowed: the path of a file on the running medium"
    ++
      optional (!cfg.luks.enable && given "passphraseFile")
        "unattended.passphraseFile: is set, but luks.enable is false, so that it would protect nothing; allowed: luks.enable = true, or no passphraseFile"
    ++
      optional (given "bundlePassphraseFile" && cfg.bundle == null)
        "unattended.bundlePassphraseFile: is set, but bundle is not, so that there is nothing to open; allowed: bundle = ./bundle.age, or no bundlePassphraseFile"
    ++
      optional (builtins.length identities > 1)
        "unattended: the age identity is given in more than one way, by ${lib.concatStringsSep " and " identities}; allowed: one of them"
    ++
      optional (disk != null && !hasPrefix "/dev/disk/by-id/" disk)
        "unattended.disk: ${builtins.toJSON disk} may be another disk after the next boot; allowed: a name in /dev/disk/by-id, which is always the same disk"
  );
in
{
  assertions = fails (
    hostProblems
    ++ map (m: "target: nixosConfigurations.${cfg.targetHost} does not fit: ${m}") agreement.bad
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
        "autoInstaller.target is not set: whether ${cfg.targetHost} mounts what its installer makes is not checked until it runs."
    # The bash module had defaults of its author's for both.
    ++
      optional (cfg.deployPublicKey != null && cfg.targetUser == "")
        "autoInstaller.targetUser is not set: on ${cfg.targetHost} no user gets the deploy key, and root owns the clone; set targetUser in its host.toml."
    ++
      optional (cfg.prebuilt && cfg.repoRemote == "")
        "autoInstaller.repoRemote is not set: the config repo on ${cfg.targetHost} has no remote to pull from; set repoRemote in its host.toml."
    ++ map (m: "nixosConfigurations.${cfg.targetHost} ${m}.") agreement.notes;
}
