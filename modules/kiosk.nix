# The installer's consoles, as values of systemd.services: the program on a
# virtual console in place of the login, a root shell and the log on two others,
# and the program on serial lines. A pure function without nixpkgs' lib: the lab's
# live system, which is not NixOS, renders the same units.
#
#   systemd.services.auto-installer        = kiosk.service;
#   systemd.services.auto-installer-rescue = kiosk.rescue;
#   systemd.services.auto-installer-log    = kiosk.log;
#   systemd.services."serial-getty@"       = kiosk.serial;  # a drop-in; its ExecStart needs lib.mkForce
#   systemd.services.auto-installer-starting = kiosk.says echo "Starting the installer...";
#
# kernelParams keep systemd's messages off the screens, and boot.consoleLogLevel =
# 1 the kernel's. On NixOS logind starts autovt@ttyN on an empty console: disable
# each unit that autovt lists.
{
  # the absolute path of auto-installer
  program,
  # the console that the screens are on
  tty ? "tty1",
  # more arguments for the program on every console, such as [ "--host" "demo" ]
  args ? [ ],
  # the rescue shell; it must work even if the program does not
  shell ? "/run/current-system/sw/bin/bash",
}:
let
  # The program shows tty2 when the operator asks for a rescue shell.
  rescueTTY = "tty2";
  logTTY = "tty3";

  # A word of ExecStart (systemd.service(5), COMMAND LINES).
  quote =
    word: "\"${builtins.replaceStrings [ "\\" "\"" "%" "$" ] [ "\\\\" "\\\"" "%%" "$$" ] word}\"";
  command = words: builtins.concatStringsSep " " (map quote words);
  screens = command (
    [
      program
      "--kiosk"
    ]
    ++ args
  );

  # The environment of every process of these units.
  environment = {
    HOME = "/root";
    USER = "root";
    LANG = "C.UTF-8";
  };

  # The install is a child of the screens. It continues when they end for any
  # reason, and when the kernel kills a build that takes too much memory.
  outlived = {
    KillMode = "process";
    OOMPolicy = "continue";
    TasksMax = "infinity";
  };

  # A console in place of its login.
  console =
    {
      description,
      on,
      serviceConfig,
    }:
    {
      inherit description;
      wantedBy = [ "multi-user.target" ];
      after = [
        "systemd-user-sessions.service"
        "getty@${on}.service"
      ];
      before = [ "rescue.service" ];
      conflicts = [
        "getty@${on}.service"
        "rescue.service"
      ];
      # An update of the running medium must not end an install.
      restartIfChanged = false;
      unitConfig = {
        ConditionPathExists = "/dev/tty0";
        IgnoreOnIsolate = true;
        # Restart it however often it ends.
        StartLimitIntervalSec = 0;
      };
      # What NixOS puts into PATH.
      path = [
        "/run/wrappers"
        "/run/current-system/sw"
      ];
      environment = environment // {
        TERM = "linux";
      };
      serviceConfig = {
        Type = "idle"; # systemd's own messages first
        Restart = "always";
        RestartSec = 1;
        WorkingDirectory = "-/root";
        StandardInput = "tty-force";
        StandardOutput = "tty";
        StandardError = "journal";
        TTYPath = "/dev/${on}";
        TTYReset = true;
        TTYVHangup = true;
        TTYVTDisallocate = true;
        UtmpIdentifier = on;
        IgnoreSIGPIPE = false;
        SendSIGHUP = true;
      }
      // serviceConfig;
    };
in
{
  service = console {
    description = "NixOS installer on ${tty}";
    on = tty;
    serviceConfig = outlived // {
      ExecStart = screens;
    };
  };

  rescue = console {
    description = "Rescue shell on ${rescueTTY}";
    on = rescueTTY;
    serviceConfig = {
      ExecStart = command [
        shell
        "-c"
        "echo; echo \"$1\"; echo; exec \"$0\" -l"
        shell
        "Rescue shell. The installer is on ${tty}, its log on ${logTTY}: Alt+F-key."
      ];
      StandardError = "inherit"; # the prompt is written there
    };
  };

  log = console {
    description = "The installer's log on ${logTTY}";
    on = logTTY;
    serviceConfig = {
      ExecStart = command [
        program
        "follow"
        "--wait"
      ];
      StandardError = "inherit";
    };
  };

  # Writes a line on the screen. The medium may take a minute to start, and nothing
  # else is shown on it between the boot loader and the program. echo is the
  # absolute path of that program.
  says = echo: line: {
    description = "\"${line}\" on ${tty}";
    wantedBy = [ "sysinit.target" ];
    before = [
      "sysinit.target"
      "shutdown.target"
    ];
    conflicts = [ "shutdown.target" ];
    unitConfig = {
      DefaultDependencies = false;
      ConditionPathExists = "/dev/tty0";
    };
    serviceConfig = {
      Type = "oneshot";
      ExecStart = command [
        echo
        line
      ];
      StandardOutput = "tty";
      TTYPath = "/dev/${tty}";
    };
  };

  # serial-getty@.service has the rest: TTYPath, Restart, BindsTo.
  serial = {
    inherit environment;
    restartIfChanged = false;
    unitConfig.StartLimitIntervalSec = 0;
    path = [
      "/run/wrappers"
      "/run/current-system/sw"
    ];
    serviceConfig = outlived // {
      ExecStart = [
        ""
        screens
      ];
      RestartSec = 1;
      WorkingDirectory = "-/root";
      StandardInput = "tty-force";
      StandardError = "journal";
    };
  };

  autovt = map (t: "autovt@${t}") [
    tty
    rescueTTY
    logTTY
  ];

  kernelParams = [ "systemd.show_status=false" ];
}
