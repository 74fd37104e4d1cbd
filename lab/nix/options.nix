# The reference of all options in docs/nixos.md: Markdown tables, made from the
# modules.
{ root }:
let
  nixpkgs = import ./nixpkgs/outputs.nix (import ./lib.nix);
  inherit (nixpkgs) lib;
  evaluated =
    modules:
    nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      inherit modules;
    };
  installer = evaluated [
    (root + "/modules/installer.nix")
    {
      autoInstaller = {
        targetHost = "demo";
        labels = {
          efi = "E";
          root = "R";
        };
      };
    }
  ];
  inherit (installer.config.autoInstaller) settings;
  identity = evaluated [ (root + "/modules/age-identity.nix") ];

  isOption = o: o._type or "" == "option";

  # Every option of a tree, by its full name.
  flat =
    prefix: tree:
    builtins.concatLists (
      map (
        name:
        let
          o = tree.${name};
          full = "${prefix}.${name}";
        in
        if !isOption o then
          flat full o
        else if o.internal or false then
          [ ]
        else
          [ (row full o) ]
      ) (builtins.attrNames tree)
    );

  # Of a set such as literalExpression's, its text; else the value.
  code = v: if builtins.isAttrs v && v ? text then v.text else value v;
  value =
    v:
    if builtins.isList v then
      if v == [ ] then "[ ]" else "[ ${lib.concatMapStringsSep " " value v} ]"
    else
      builtins.toJSON v;
  oneLine = text: lib.trim (builtins.replaceStrings [ "\n" "|" ] [ " " "\\|" ] text);
  row =
    name: o:
    let
      default = if o ? defaultText then "`${code o.defaultText}`" else if o ? default then "`${value o.default}`" else "required";
      example = if o ? example then " Example: `${code o.example}`" else "";
    in
    "| `${name}` | ${if o.type.name == "lines" then "lines" else o.type.description} | ${default} | ${oneLine o.description}${example} |\n";

  table = rows: "| option | type | default | meaning |\n|---|---|---|---|\n" + lib.concatStringsSep "" rows;
  isHosts = name: _: settings ? ${name};
  of = want: lib.filterAttrs want installer.options.autoInstaller;
in
''
  ### The host

  These are the keys of `host.toml` too.

  ${table (flat "autoInstaller" (of isHosts))}
  ### The medium

  ${table (flat "autoInstaller" (of (name: o: !isHosts name o)))}
  ### age-identity

  ${table (flat "ageIdentity" identity.options.ageIdentity)}''
