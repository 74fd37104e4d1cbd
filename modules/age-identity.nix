# The host's age identity for agenix, made from its SSH host key where none was
# put in place.
#
# auto-installer puts a host's identity to /etc/age/<host>.agekey when it
# installs it. Without one, agenix says "no readable identities" and every
# service that needs a secret fails. This derives one at activation, so that a
# host which was installed by other means can be given access by its SSH key.
#
# An identity that is there is never written over: secrets are encrypted to it.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:
let
  inherit (lib) escapeShellArg mkDefault mkIf mkMerge mkOption types;
  cfg = config.ageIdentity;

  script = ''
    # In a shell of its own: activation goes on whatever happens here.
    (
      set +e -u
      umask 077
      directory=${escapeShellArg cfg.directory}
      identity=${escapeShellArg cfg.file}
      ssh_key=${escapeShellArg cfg.sshKey}
      say() { echo "age-identity: $*"; }
      # replace FILE: by standard input, or not at all.
      replace() {
        local new
        new=$(mktemp "$1.XXXXXX") || return
        if cat >"$new" && [ -s "$new" ] && mv -f "$new" "$1"; then
          return 0
        fi
        rm -f "$new"
        return 1
      }
      derive() { ${lib.getExe cfg.package} age-from-ssh "$ssh_key" "$@"; }
      recipient_of() { ${pkgs.age}/bin/age-keygen -y "$1"; }

      mkdir -p "$directory" && chmod 700 "$directory" || exit 0
      if [ ! -s "$identity" ]; then
        if [ ! -s "$ssh_key" ]; then
          say "warning: there is no $identity, and no $ssh_key to make it from; secrets stay closed"
          say "hint: copy the host's age identity there, or activate again once sshd has made its key"
          exit 0
        fi
        if derive | replace "$identity"; then
          say "made $identity from $ssh_key; its recipient is $(recipient_of "$identity")"
          say "hint: add it to secrets/keys.nix and rekey, or this host cannot open its secrets"
        else
          say "warning: $identity could not be made from $ssh_key"
          exit 0
        fi
      fi
      chmod 600 "$identity"

      # Everything that this host can open with, for age -i, and for age -R.
      if ! recipient=$(recipient_of "$identity"); then
        say "warning: $identity is not an age identity"
        exit 0
      fi
      { cat "$identity"; [ ! -s "$ssh_key" ] || derive; } | replace "$directory/keys.txt"
      was=$(head -n 1 "$directory/recipients.txt" 2>/dev/null)
      { echo "$recipient"; [ ! -s "$ssh_key" ] || derive --public; } | replace "$directory/recipients.txt"

      if [ -n "$was" ] && [ "$was" != "$recipient" ]; then
        say "warning: the identity has changed: its recipient was $was and is $recipient"
        say "hint: rekey the secrets for $recipient, or put the former identity back"
      fi
      known=${escapeShellArg (toString cfg.recipients)}
      case " $known " in
      "  " | *" $recipient "*) ;;
      *)
        say "warning: secrets/keys.nix does not have this host's recipient $recipient"
        say "hint: add it there and rekey; these secrets are for $known"
        ;;
      esac
      exit 0
    )
  '';
in
{
  options.ageIdentity = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Make the age identity from the SSH host key if there is none.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "auto-installer.packages.\${system}.auto-installer";
      description = "The program that has `age-from-ssh`.";
    };
    directory = mkOption {
      type = types.str;
      default = "/etc/age";
      description = "Folder of the identity, `keys.txt` and `recipients.txt`; root's alone.";
    };
    file = mkOption {
      type = types.str;
      default = "${cfg.directory}/${config.networking.hostName}.agekey";
      defaultText = lib.literalExpression "\"\${config.ageIdentity.directory}/\${config.networking.hostName}.agekey\"";
      description = "The identity.";
    };
    sshKey = mkOption {
      type = types.str;
      default = "/etc/ssh/ssh_host_ed25519_key";
      description = "The Ed25519 SSH host key to make it from.";
    };
    recipients = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = lib.literalExpression "(import ../secrets/keys.nix).ultraviolet";
      description = "What `secrets/keys.nix` has for this host. Activation warns if the identity is for none of them.";
    };
  };

  config = mkIf cfg.enable (mkMerge [
    {
      system.activationScripts.ageIdentity = {
        deps = [ "specialfs" ];
        text = script;
      };
    }
    (lib.optionalAttrs (options ? age) {
      age.identityPaths = mkDefault [
        cfg.file
        cfg.sshKey
      ];
      # agenix decrypts after this, so that the first identity is of use at once.
      system.activationScripts.agenixInstall = mkIf (config.age.secrets != { }) {
        deps = [ "ageIdentity" ];
        # agenix defines none where systemd decrypts (sysusers, userborn).
        text = "";
      };
    })
  ]);
}
