# The files that make the live system a kiosk, by name: the units of modules/kiosk.nix
# as NixOS would write them, and additional kernel parameters.
let
  kiosk = import ../../../modules/kiosk.nix {
    program = "/lab/auto-installer";
    shell = "/bin/bash";
  };

  # The live system is not NixOS: its programs are in these folders too.
  ownPath = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  value =
    v:
    if v == true then
      "true"
    else if v == false then
      "false"
    else
      toString v;
  line = name: v: "${name}=${value v}\n";
  lines =
    name: v:
    if builtins.isList v then builtins.concatStringsSep "" (map (line name) v) else line name v;
  section =
    name: values:
    "[${name}]\n"
    + builtins.concatStringsSep "" (builtins.attrValues (builtins.mapAttrs lines values));
  words = builtins.concatStringsSep " ";

  # systemd.services.<name>; an unknown attribute is an error, so that none is lost.
  unit =
    {
      description ? null,
      after ? [ ],
      before ? [ ],
      conflicts ? [ ],
      wantedBy ? [ ],
      environment ? { },
      path ? [ ],
      unitConfig ? { },
      serviceConfig ? { },
      restartIfChanged ? true,
    }:
    let
      listed = name: l: if l == [ ] then { } else { ${name} = words l; };
      variables = environment // {
        PATH = builtins.concatStringsSep ":" (map (p: "${p}/bin:${p}/sbin") path ++ [ ownPath ]);
      };
    in
    section "Unit" (
      (if description == null then { } else { Description = description; })
      // listed "After" after
      // listed "Before" before
      // listed "Conflicts" conflicts
      // unitConfig
    )
    + section "Service" (
      serviceConfig
      // {
        Environment = builtins.attrValues (builtins.mapAttrs (n: v: "\"${n}=${v}\"") variables);
      }
    )
    + (if wantedBy == [ ] then "" else section "Install" { WantedBy = words wantedBy; });
in
{
  files = {
    "auto-installer.service" = unit kiosk.service;
    "auto-installer-rescue.service" = unit kiosk.rescue;
    "auto-installer-log.service" = unit kiosk.log;
    "auto-installer-starting.service" = unit (kiosk.says "/bin/echo" "Starting the installer...");
    "serial-getty@.service.d/overrides.conf" = unit kiosk.serial;
  };
  cmdline = words ([ "lab.kiosk" "loglevel=1" ] ++ kiosk.kernelParams);
}
