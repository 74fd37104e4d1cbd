# The host's age identity for agenix. If it is missing, activation makes it from
# the SSH host key.
#
# auto-installer writes a host's identity to /etc/age/<host>.agekey. Without one,
# agenix says "no readable identities" and every service that needs a secret
# fails. With the derived one, a host that was installed by other means can open
# what is encrypted to its SSH key.
#
# Activation never overwrites an identity: secrets are encrypted to it.
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
    # A subshell: activation continues if this fails.
    (
      set +e -u
      umask 077
      directory=${escapeShellArg cfg.directory}
      identity=${escapeShellArg cfg.file}
      ssh_key=${escapeShellArg cfg.sshKey}
      say() { echo "age-identity: $*"; }
      # replace FILE by standard input, atomically
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
          say "warning: $identity and $ssh_key are missing; this host cannot open its secrets"
          say "hint: copy the host's age identity to $identity, or activate again after sshd made its key"
          exit 0
        fi
        if derive | replace "$identity"; then
          say "made $identity from $ssh_key; its recipient is $(recipient_of "$identity")"
          say "hint: add it to secrets/keys.nix and rekey, or this host cannot open its secrets"
        else
          say "warning: cannot make $identity from $ssh_key"
          exit 0
        fi
      fi
      chmod 600 "$identity"

      # All identities of this host (age -i), and their recipients (age -R).
      if ! recipient=$(recipient_of "$identity"); then
        say "warning: $identity is not an age identity"
        exit 0
      fi
      { cat "$identity"; [ ! -s "$ssh_key" ] || derive; } | replace "$directory/keys.txt"
      was=$(head -n 1 "$directory/recipients.txt" 2>/dev/null)
      { echo "$recipient"; [ ! -s "$ssh_key" ] || derive --public; } | replace "$directory/recipients.txt"

      if [ -n "$was" ] && [ "$was" != "$recipient" ]; then
        say "warning: the identity changed: its recipient was $was and is $recipient"
        say "hint: rekey the secrets for $recipient, or put the former identity back"
      fi
      known=${escapeShellArg (toString cfg.recipients)}
      case " $known " in
      "  " | *" $recipient "*) ;;
      *)
        say "warning: secrets/keys.nix lacks this host's recipient $recipient"
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
      description = "Make a missing age identity from the SSH host key.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "auto-installer.packages.\${system}.auto-installer";
      description = "The program with `age-from-ssh`.";
    };
    directory = mkOption {
      type = types.str;
      default = "/etc/age";
      description = "Folder of the identity, `keys.txt` and `recipients.txt`; only root can read it.";
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
      description = "What `secrets/keys.nix` has for this host. Activation warns if the identity is not among them.";
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
      # agenix decrypts after this, so the first activation has an identity.
      system.activationScripts.agenixInstall = mkIf (config.age.secrets != { }) {
        deps = [ "ageIdentity" ];
        # Where systemd decrypts (sysusers, userborn), agenix defines no text.
        text = "";
      };
    })
  ]);
}
