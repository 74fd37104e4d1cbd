# What is wrong with a host's options: the same rules in the same words as
# hosts/validate.go, label.go, repo.go and size.go, so that a bad host fails
# when its medium is built, not when it is started. hosts/testdata/invalid.toml
# holds both to the same cases.
#
# The function takes the options of host.toml and returns a list of messages.
{ lib }:
h:
let
  inherit (builtins)
    concatLists
    elem
    elemAt
    filter
    genList
    match
    stringLength
    substring
    ;
  inherit (lib)
    hasInfix
    hasPrefix
    hasSuffix
    imap1
    optional
    splitString
    toLower
    toUpper
    ;
  inherit (import ./text.nix { inherit lib; })
    columns
    hasControl
    quote
    quoteCharacter
    stranger
    ;

  upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = toLower upper;
  digits = "0123456789";
  alnum = upper + lower + digits;
  fatChars = upper + digits + "_-";
  labelChars = alnum + "#+-.:=@_";

  say =
    key: problem: allowed:
    "${key}: ${problem}" + (if allowed == "" then "" else "; allowed: ${allowed}");
  missing = key: say key "is required, but not set";
  ignored =
    key: value: enable: without:
    say key "${value} is set, but ${enable} is false" "${enable} = true, or ${without}";

  onlyHas = value: chars: stranger value chars == null;
  isWord = value: chars: value != "" && !hasPrefix "-" value && onlyHas value chars;
  has = value: chars: "${quote value} has ${quoteCharacter (stranger value chars)}";
  bytes = value: "${quote value} is ${toString (stringLength value)} bytes";
  first = substring 0 1;
  hasDotDot = file: elem ".." (splitString "/" file);
  isBelow = file: dir: hasPrefix "${dir}/" file;

  # Lexically, as Go's path.Clean does for paths without "..".
  clean = file: (if hasPrefix "/" file then "/" else "") + lib.concatStringsSep "/" (filter (p: p != "" && p != ".") (splitString "/" file));

  # The first of the cases that applies, as a list. Those after it need not
  # make sense for the value.
  firstOf =
    cases:
    if cases == [ ] then
      [ ]
    else if (builtins.head cases).when then
      [ (builtins.head cases).say ]
    else
      firstOf (builtins.tail cases);
  case = when: message: {
    inherit when;
    say = message;
  };

  targetHost =
    let
      key = "targetHost";
      name = h.targetHost;
      allowed = "a nixosConfigurations name: at most 63 letters, digits, _ and -, no - at either end";
    in
    firstOf [
      (case (name == "") (missing key allowed))
      (case (stringLength name > 63) (say key (bytes name) allowed))
      (case (!onlyHas name "${alnum}_-") (say key (has name "${alnum}_-") allowed))
      (case (hasPrefix "-" name || hasSuffix "-" name) (say key "${quote name} has a - at an end" allowed))
    ];

  labels =
    let
      others = "letters, digits and # + - . : = @ _";
      rule = key: value: enabledBy: enabled: most: chars: allowed: {
        inherit key value enabledBy enabled most chars allowed;
      };
      rules = [
        (rule "labels.efi" h.labels.efi "" true 11 fatChars "at most 11 of A-Z 0-9 _ -")
        (rule "labels.root" h.labels.root "" true 16 labelChars "at most 16 ${others}")
        (rule "labels.luks" h.labels.luks "luks.enable" h.luks.enable 36 labelChars "at most 36 ${others}")
        (rule "labels.swap" h.labels.swap "swap.enable" h.swap.enable 15 labelChars "at most 15 ${others}")
      ];
      needed =
        r:
        if r.value == "" && r.enabled then
          [
            (
              if r.enabledBy == "" then missing r.key r.allowed else say r.key "is required by ${r.enabledBy}, but not set" r.allowed
            )
          ]
        else if r.value != "" && !r.enabled then
          [ (ignored r.key (quote r.value) r.enabledBy "no ${r.key}") ]
        else
          [ ];
      shape =
        r:
        firstOf [
          (case (stringLength r.value > r.most) (say r.key (bytes r.value) r.allowed))
          (case (!onlyHas r.value r.chars) (say r.key (has r.value r.chars) r.allowed))
          (case (!onlyHas (first r.value) alnum) (
            say r.key "${quote r.value} begins with ${quote (first r.value)}" "a letter or digit first"
          ))
        ];
      same =
        i: r:
        map (other: say r.key "${quote r.value} is the same as ${other.key}" "labels that differ in more than case") (
          filter (other: toLower other.value == toLower r.value) (lib.take (i - 1) rules)
        );
    in
    concatLists (imap1 (i: r: needed r ++ (if r.value == "" then [ ] else shape r ++ same i r)) rules);

  encryption =
    let
      key = "luks.mapperName";
      name = h.luks.mapperName;
      allowed = "at most 127 letters, digits and _ . + -, not control, no - first";
    in
    firstOf [
      (case (name == "") (missing key allowed))
      (case (stringLength name > 127) (say key (bytes name) allowed))
      (case (!onlyHas name "${alnum}_.+-") (say key (has name "${alnum}_.+-") allowed))
      (case (elem name [ "control" "." ".." ] || hasPrefix "-" name) (
        say key "${quote name} is no name for a mapped device" allowed
      ))
      (case (!h.luks.enable && name != "cryptroot") (ignored key (quote name) "luks.enable" "no luks.mapperName"))
    ];

  swap =
    let
      key = "swap.size";
      size = h.swap.size;
      allowed = "a whole number with K, M, G, T or P (1024-based), at least 1M, such as 8G";
      m = match "([0-9]+)([KMGTPkmgtp]?)" size;
      number = elemAt m 0;
      significant = elemAt (match "0*([0-9]*)" number) 0;
      unit = elemAt m 1;
      power = { K = 1; M = 2; G = 3; T = 4; P = 5; }.${toUpper unit};
      n = if significant == "" then 0 else builtins.fromJSON significant;
      scale = lib.foldl' (a: _: a * 1024) 1 (genList (i: i) power);
      # 2^63 - 1 bytes are the most that Go counts.
      isTooLarge = stringLength significant > 18 || n > 9223372036854775807 / scale;
    in
    firstOf [
      (case (m == null) (say key "${quote size} is no size" allowed))
      (case (unit == "") (say key "${quote size} has no unit" allowed))
      (case isTooLarge (say key "${quote size} is too large" allowed))
      (case (n * scale < 1048576) (say key "${quote size} is too small" allowed))
      (case (!h.swap.enable && size != "8G") (ignored key (quote size) "swap.enable" "no swap.size"))
    ];

  mountDirs = concatLists (
    imap1 (
      i: dir:
      let
        key = "extraMountDirs[${toString i}]";
        allowed = ''a folder below /mnt, such as "persist" or "/mnt/persist", without ..'';
        full = if hasPrefix "/" dir then clean dir else clean "/mnt/${dir}";
      in
      firstOf [
        (case (dir == "") (say key "is empty" allowed))
        (case (hasControl dir) (say key "${quote dir} has a control character" allowed))
        (case (hasDotDot dir) (say key "${quote dir} has .." allowed))
        (case (full == "/mnt") (say key "${quote dir} is /mnt itself" allowed))
        (case (!isBelow full "/mnt") (say key "${quote dir} is not below /mnt" allowed))
        (case (isBelow full (clean h.repoClonePath)) (
          say key "${quote dir} lies in repoClonePath, which git needs empty" "a folder outside ${quote h.repoClonePath}"
        ))
      ]
    ) h.extraMountDirs
  );

  commands = concatLists (
    imap1 (
      i: command:
      # A NUL cannot be in a Nix string.
      optional (match "[ \t\n\r]*" command != null) (
        say "extraPostMountCommands[${toString i}]" "is empty" "a shell command"
      )
    ) h.extraPostMountCommands
  );

  packages =
    let
      # A name before another, each as nixpkgs writes it.
      isAttribute = part: isWord part "${alnum}_'-" && !onlyHas (first part) "${digits}'";
    in
    concatLists (
      imap1 (
        i: module:
        optional (!isWord module "${alnum}_-") (
          say "extraInitrdKernelModules[${toString i}]" "${quote module} is no module name"
            "kernel module names, of letters, digits, _ and -"
        )
      ) h.extraInitrdKernelModules
      ++ imap1 (
        i: attr:
        optional (!lib.all isAttribute (splitString "." attr)) (
          say "extraPackages[${toString i}]" "${quote attr} is no attribute name"
            "nixpkgs attribute names, such as bolt or python3Packages.requests"
        )
      ) h.extraPackages
    );

  screen =
    let
      allowed = "lines of at most 132 columns, of printable characters";
      banner =
        i: line:
        firstOf [
          (case (hasControl line) (say "bannerText" "its line ${toString i} has a character that does not print" allowed))
          (case (columns line > 132) (say "bannerText" "its line ${toString i} is ${toString (columns line)} columns" allowed))
        ];
      key = "keymap";
      keymapAllowed = "a console keymap, such as us or de-latin1";
      chars = "${alnum}._+-/";
    in
    concatLists (imap1 banner (splitString "\n" h.bannerText))
    ++ firstOf [
      (case (h.keymap == "") (missing key keymapAllowed))
      (case (!onlyHas h.keymap chars) (say key (has h.keymap chars) keymapAllowed))
      (case (hasInfix ".." h.keymap || hasPrefix "-" h.keymap || hasPrefix "/" h.keymap) (
        say key "${quote h.keymap} is no keymap name" keymapAllowed
      ))
    ];

  user =
    let
      name = h.targetUser;
      userAllowed = "a user name: at most 32 of a-z 0-9 _ -, a letter or _ first; or empty";
      idAllowed = "1 to 65533, or 0 where targetUser is root";
      id =
        key: value:
        firstOf [
          (case (value < 0 || value > 65533) (say key "${toString value} is out of range" idAllowed))
          (case (value == 0 && name != "root") (say key "0 is root's" idAllowed))
        ];
    in
    firstOf [
      (case (name == "") null)
      (case (stringLength name > 32 || !onlyHas name "${lower}${digits}_-" || onlyHas (first name) "${digits}-") (
        say "targetUser" "${quote name} is no user name" userAllowed
      ))
      (case (name == "root" && h.targetUid != 0) (
        say "targetUser" ''"root" has targetUid ${toString h.targetUid}'' "targetUid 0 with root"
      ))
    ]
    ++ id "targetUid" h.targetUid
    ++ id "targetGid" h.targetGid;
in
filter (message: message != null) (
  targetHost
  ++ labels
  ++ encryption
  ++ swap
  ++ mountDirs
  ++ commands
  ++ import ./repo-checks.nix { inherit lib say missing firstOf case onlyHas isWord has hasDotDot isBelow clean alnum; } h
  ++ packages
  ++ screen
  ++ user
)
