# A small stand-in for nixpkgs' lib, for machines without it: what the project's
# modules use, with evalModules' rules for definitions, priorities and types, and
# its messages.
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    genList
    head
    intersectAttrs
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    readFile
    removeAttrs
    replaceStrings
    stringLength
    substring
    tail
    toString
    ;

  # --- lists, sets, strings ---
  optional = condition: x: if condition then [ x ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalAttrs = condition: set: if condition then set else { };
  optionalString = condition: s: if condition then s else "";
  imap1 = f: list: genList (i: f (i + 1) (elemAt list i)) (length list);

  nameValuePair = name: value: { inherit name value; };
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  filterAttrs = want: set: removeAttrs set (filter (name: !want name set.${name}) (attrNames set));
  genAttrs = names: f: listToAttrs (map (name: nameValuePair name (f name)) names);
  mapAttrsRecursive =
    f:
    let
      go = path: mapAttrs (name: v: if isAttrs v then go (path ++ [ name ]) v else f (path ++ [ name ]) v);
    in
    go [ ];
  recursiveUpdate =
    a: b:
    a
    // mapAttrs (
      name: v: if isAttrs v && isAttrs (a.${name} or null) then recursiveUpdate a.${name} v else v
    ) b;
  attrByPath =
    path: default: set:
    if path == [ ] then
      set
    else if isAttrs set && set ? ${head path} then
      attrByPath (tail path) default set.${head path}
    else
      default;

  hasPrefix = prefix: s: substring 0 (stringLength prefix) s == prefix;
  hasSuffix =
    suffix: s:
    let
      n = stringLength s - stringLength suffix;
    in
    n >= 0 && substring n (stringLength suffix) s == suffix;
  hasInfix = infix: s: stringLength (replaceStrings [ infix ] [ "" ] s) != stringLength s;
  removePrefix = prefix: s: if hasPrefix prefix s then substring (stringLength prefix) (-1) s else s;
  removeSuffix =
    suffix: s: if hasSuffix suffix s then substring 0 (stringLength s - stringLength suffix) s else s;
  stringToCharacters = s: genList (i: substring i 1 s) (stringLength s);
  concatMapStringsSep = sep: f: list: concatStringsSep sep (map f list);
  splitString =
    sep: s:
    let
      escaped = replaceStrings [ "." "/" ] [ "[.]" "[/]" ] sep;
    in
    filter isString (builtins.split escaped s);
  upper = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  trim =
    s:
    let
      m = match "[ \t\r\n]*(.*[^ \t\r\n])[ \t\r\n]*" s;
    in
    if m == null then "" else head m;
  escapeShellArg =
    v:
    let
      s = toString v;
    in
    if match "[[:alnum:],._+:@%/-]+" s != null then s else "'${replaceStrings [ "'" ] [ "'\\''" ] s}'";

  # --- options and definitions ---
  mkOption = attrs: attrs // { _type = "option"; };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  isType = type: v: isAttrs v && v._type or "" == type;
  isDerivation = isType' "derivation";
  isType' = type: v: isAttrs v && v.type or "" == type;

  showOption = concatStringsSep ".";
  showFiles = files: concatMapStringsSep " and " (f: "`${f}'") files;

  # A definition as a list of { file, priority, value }, without mkIf and mkMerge.
  discharge =
    file: priority: v:
    if isType "if" v then
      if v.condition then discharge file priority v.content else [ ]
    else if isType "merge" v then
      concatLists (map (discharge file priority) v.contents)
    else if isType "override" v then
      discharge file v.priority v.content
    else
      [
        {
          inherit file priority;
          value = v;
        }
      ];

  # A table of definitions as a list of such tables, with mkIf, mkMerge and
  # mkOverride moved to what they hold: a condition may need the result.
  pushDown =
    v:
    let
      into = property: map (mapAttrs (_: property)) (pushDown v.content);
    in
    if isType "merge" v then
      concatLists (map pushDown v.contents)
    else if isType "if" v then
      into (mkIf v.condition)
    else if isType "override" v then
      into (mkOverride v.priority)
    else
      [ v ];

  strongest =
    defs:
    let
      best = foldl' (p: d: if d.priority < p then d.priority else p) 9999 defs;
    in
    filter (d: d.priority == best) defs;

  # --- types: check, and merge of a list of { file, value } ---
  mergeOne =
    loc: defs:
    if length defs == 1 then
      (head defs).value
    else
      throw "The option `${showOption loc}' is defined multiple times while it's expected to be unique: ${showFiles (map (d: d.file) defs)}.";
  mergeEqual =
    loc: defs:
    if all (d: d.value == (head defs).value) defs then
      (head defs).value
    else
      throw "The option `${showOption loc}' has conflicting definition values: ${showFiles (map (d: d.file) defs)}";
  simple = name: description: check: {
    inherit name description check;
    _type = "option-type";
    merge = mergeEqual;
  };

  types = rec {
    raw = simple "raw" "raw value" (_: true) // {
      merge = mergeOne;
    };
    unspecified = simple "unspecified" "unspecified value" (_: true);
    bool = simple "bool" "boolean" isBool;
    int = simple "int" "signed integer" isInt;
    str = simple "str" "string" isString;
    path = simple "path" "absolute path" (
      v: (isString v || isPath v || isAttrs v && (v ? outPath || v ? __toString)) && substring 0 1 (toString v) == "/"
    );
    package = simple "package" "package" isDerivation // {
      merge = mergeOne;
    };
    attrs = simple "attrs" "attribute set" isAttrs // {
      merge = _: foldl' (a: d: a // d.value) { };
    };
    lines = str // {
      name = "lines";
      description = "strings concatenated with \"\\n\"";
      merge = _: defs: concatMapStringsSep "\n" (d: d.value) defs;
    };
    strMatching =
      pattern:
      simple "strMatching" "string matching the pattern ${pattern}" (v: isString v && match pattern v != null);
    addCheck = t: check: t // { check = v: t.check v && check v; };
    nullOr =
      t:
      simple "nullOr" "null or ${t.description}" (v: v == null || t.check v)
      // {
        merge =
          loc: defs: if all (d: d.value == null) defs then null else t.merge loc (filter (d: d.value != null) defs);
      };
    either =
      a: b:
      simple "either" "${a.description} or ${b.description}" (v: a.check v || b.check v)
      // {
        merge =
          loc: defs:
          if all (d: a.check d.value) defs then
            a.merge loc defs
          else if all (d: b.check d.value) defs then
            b.merge loc defs
          else
            mergeEqual loc defs;
      };
    oneOf = list: foldl' either (head list) (tail list);
    listOf =
      t:
      simple "listOf" "list of ${t.description}" isList
      // {
        merge =
          loc: defs:
          concatLists (
            map (
              d:
              concatLists (
                imap1 (
                  i: v:
                  let
                    inner = discharge d.file 100 v;
                  in
                  if inner == [ ] then [ ] else [ (mergeDefs (loc ++ [ "[definition ${toString i}-entry]" ]) t inner) ]
                ) d.value
              )
            ) defs
          );
      };
    attrsOf =
      t:
      simple "attrsOf" "attribute set of ${t.description}" isAttrs
      // {
        merge =
          loc: defs:
          let
            names = attrNames (foldl' (a: d: a // d.value) { } defs);
            of = name: concatLists (map (d: optionals (d.value ? ${name}) (discharge d.file 100 d.value.${name})) defs);
          in
          listToAttrs (
            concatLists (
              map (
                name: optional (of name != [ ]) (nameValuePair name (mergeDefs (loc ++ [ name ]) t (of name)))
              ) names
            )
          );
      };
    submodule =
      module:
      simple "submodule" "submodule" (v: isAttrs v || isFunction v)
      // {
        merge =
          loc: defs:
          (evaluate loc {
            modules = [ module ] ++ map (d: { _file = d.file; config = d.value; }) defs;
          }).config;
      };
  };

  mergeDefs =
    loc: type: all':
    let
      defs = strongest all';
      bad = filter (d: !type.check d.value) defs;
    in
    if bad != [ ] then
      throw "A definition for option `${showOption loc}' is not of type `${type.description}'. Definition values: in ${showFiles (map (d: d.file) bad)}"
    else
      type.merge loc defs;

  # --- modules ---
  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    evaluate [ ] { inherit modules specialArgs; };

  evaluate =
    prefix:
    {
      modules,
      specialArgs ? { },
    }:
    let
      arguments = specialArgs // {
        inherit lib config;
        options = declared;
      };
      load =
        parent: m:
        let
          isFile = isPath m || isString m;
          # A folder's module is its default.nix.
          value = if isFile then import m else m;
          file = if isFile then toString m else parent;
          plain =
            if isFunction value then
              value (
                # Lazily: an argument may need the result.
                let
                  wanted = builtins.functionArgs value;
                in
                if wanted == { } then arguments else intersectAttrs wanted arguments
              )
            else
              value;
          isLong = plain ? config || plain ? options;
        in
        {
          key = plain.key or (if isFile then toString m else null);
          file = plain._file or file;
          imports = plain.imports or [ ];
          options = plain.options or { };
          config =
            if isLong then
              plain.config or { }
            else
              removeAttrs plain [
                "_file"
                "imports"
                "key"
                "options"
              ];
        };

      # Depth first, each file and each key once.
      collect =
        state: parent: list:
        foldl' (
          s: m:
          let
            loaded = load parent m;
          in
          if loaded.key != null && elem loaded.key s.seen then
            s
          else
            let
              inner = collect (s // { seen = s.seen ++ optional (loaded.key != null) loaded.key; }) loaded.file loaded.imports;
            in
            inner // { found = inner.found ++ [ loaded ]; }
        ) state list;
      found =
        (collect {
          seen = [ ];
          found = [ ];
        } "<module>" modules).found;

      declared = foldl' declare { } (map (m: m.options) found);
      declare =
        a: b:
        a
        // mapAttrs (
          name: v:
          if !(a ? ${name}) then
            v
          else if isType "option" v || isType "option" a.${name} then
            throw "The option `${name}' is declared twice."
          else
            declare a.${name} v
        ) b;

      definitions = concatLists (map (m: map (value: { inherit (m) file; inherit value; }) (pushDown m.config)) found);

      # The values of a tree of options, from definitions of its whole.
      build =
        loc: tree: defs:
        let
          unknown = concatLists (map (d: filter (n: !(tree ? ${n})) (attrNames d.value)) defs);
          having = name: filter (d: d.value ? ${name}) defs;
          build' =
            name: option:
            let
              here = loc ++ [ name ];
              mine = concatLists (map (d: discharge d.file 100 d.value.${name}) (having name));
              inner = concatLists (
                map (d: map (value: { inherit (d) file; inherit value; }) (pushDown d.value.${name})) (having name)
              );
              given = mine ++ optional (option ? default) {
                file = "its default";
                priority = 1500;
                value = option.default;
              };
            in
            if !isType "option" option then
              build here option inner
            else if option.readOnly or false && length mine > 1 then
              throw "The option `${showOption here}' is read-only, but it's set multiple times."
            else if given == [ ] then
              throw "The option `${showOption here}' was accessed but has no value defined. Try setting the option."
            else
              mergeDefs here (option.type or types.unspecified) given;
        in
        if unknown != [ ] then
          throw "The option `${showOption (loc ++ [ (head unknown) ])}' does not exist. Definition values: in ${showFiles (map (d: d.file) defs)}"
        else
          mapAttrs build' tree;

      config = build prefix declared definitions;
    in
    {
      inherit config;
      options = declared;
      _type = "configuration";
    };

  lib = {
    inherit
      all
      any
      attrByPath
      attrNames
      concatLists
      concatMapStringsSep
      concatStringsSep
      elem
      escapeShellArg
      evalModules
      filter
      filterAttrs
      foldl'
      genAttrs
      hasInfix
      hasPrefix
      hasSuffix
      head
      length
      mapAttrs
      mapAttrs'
      mapAttrsRecursive
      mkIf
      mkMerge
      mkOption
      mkOverride
      nameValuePair
      optional
      optionalAttrs
      optionals
      optionalString
      recursiveUpdate
      removePrefix
      removeSuffix
      splitString
      stringToCharacters
      tail
      trim
      types
      ;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    toUpper = replaceStrings lower upper;
    getExe = p: "${p}/bin/${p.meta.mainProgram or p.name}";
    importTOML = file: builtins.fromTOML (readFile file);
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };
    licenses.mit = "mit";
    platforms.linux = [
      "aarch64-linux"
      "x86_64-linux"
    ];
    # The files of a build; nothing is built of them with this lib.
    fileset = {
      toSource = args: args.root;
      unions = concatLists;
      difference = a: _: a;
      maybeMissing = f: [ f ];
    };
  };
in
lib
