# The part of checks.nix that is about the config repo, as hosts/repo.go. What
# it says never shows repoRemote: it may hold a password, and messages end up
# in logs.
{
  lib,
  say,
  missing,
  firstOf,
  case,
  onlyHas,
  isWord,
  has,
  hasDotDot,
  isBelow,
  clean,
  alnum,
}:
h:
let
  inherit (builtins)
    any
    concatLists
    elem
    elemAt
    match
    stringLength
    ;
  inherit (lib)
    hasInfix
    hasPrefix
    hasSuffix
    splitString
    ;
  inherit (import ./text.nix { inherit lib; }) hasControl quote;

  hasAny = chars: value: any (c: hasInfix c value) (lib.stringToCharacters chars);

  remote =
    let
      key = "repoRemote";
      value = h.repoRemote;
      allowed = "an https, ssh, git, git+ssh or file URL, user@host:path, or an absolute path";
      helper = match "([A-Za-z0-9+._-]*)::.*" value;
      url = match "([A-Za-z][A-Za-z0-9+.-]*)://(([^/@]*)@)?([^/?#]*)([^?#]*)([?#].*)?" value;
      # A flake's own words for a repo, which git takes for a path on a server
      # of that name; and where some of them stand for.
      flakeRef = match "(github|gitlab|sourcehut|path|flake):.*" value;
      forgeRepo = match "(github|gitlab|sourcehut):(~?([A-Za-z0-9._-]|%2[Ff])+)/([A-Za-z0-9._-]+)([/?].*)?" value;
      flakeAllowed =
        let
          server = { github = "github.com"; gitlab = "gitlab.com"; sourcehut = "git.sr.ht"; }.${elemAt forgeRepo 0};
          suffix = if server == "git.sr.ht" then "" else ".git";
          owner = builtins.replaceStrings [ "%2F" "%2f" ] [ "/" "/" ] (elemAt forgeRepo 1);
          repo = "${owner}/${lib.removeSuffix ".git" (elemAt forgeRepo 3)}${suffix}";
          rest = elemAt forgeRepo 4;
        in
        if elemAt flakeRef 0 == "path" then
          "an absolute path, without path:"
        else if forgeRepo == null || rest != null && hasInfix "host=" rest then
          "the git URL of the repo"
        else
          "https://${server}/${repo}, or git@${server}:${repo} with a deploy key"
          + (if rest == null then "" else "; the branch, tag or commit as repoRef");

      # user@host:path, as git reads it.
      byColon = match "([^:]*):(.*)" value;
      before = if byColon == null then value else elemAt byColon 0;
      file = if byColon == null then "" else elemAt byColon 1;
      byAt = match "([^@]*)@(.*)" before;
      scpUser = if byAt == null then "git" else elemAt byAt 0;
      server = if byAt == null then before else elemAt byAt 1;

      scheme = elemAt url 0;
      login = elemAt url 2;
      hasLogin = elemAt url 1 != null;
      user = if hasLogin then elemAt (match "([^:]*)(:.*)?" login) 0 else "";
      hostName = elemAt (match "([^]:[]*|\\[[^]]*])(:[0-9]*)?" (elemAt url 3)) 0;
      isSSH = scheme == "ssh" || scheme == "git+ssh";
      hostIsWellFormed = match "([^]:[]+|\\[[0-9A-Fa-f:.]+])?(:[0-9]*)?" (elemAt url 3) != null;
      urlChecks = firstOf [
        (case (url == null || !hostIsWellFormed || match ".*%([^0-9A-Fa-f].|.[^0-9A-Fa-f]|.?$).*" value != null) (
          say key "is no valid URL" allowed
        ))
        (case (elem scheme [ "git+https" "git+file" ]) (
          say key "has the scheme ${quote scheme}, which is a flake's"
            "the same URL with ${lib.removePrefix "git+" scheme}://, and its ?ref= or ?rev= as repoRef"
        ))
        (case (!elem scheme [ "https" "ssh" "git" "git+ssh" "file" ]) (say key "has the scheme ${quote scheme}" allowed))
        (case (hasLogin && hasInfix ":" login) (
          say key "has a password, which would stay in the clone's .git/config" "a URL without one"
        ))
        # Only ssh needs a user; in an https URL this is often a token.
        (case (hasLogin && !isSSH) (say key "has a user or token before @" "a user in ssh URLs only"))
        (case (hasLogin && !isWord user "${alnum}._-") (say key "has a user name with odd characters" allowed))
        (case (elemAt url 5 != null) (
          say key "has a ? or #, which git would take for a part of the path" "the plain URL"
        ))
        (case (scheme == "file" && elemAt url 3 != "") (say key "has a host in a file URL" "file:///absolute/path"))
        (case (scheme != "file" && elemAt url 3 == "") (say key "has no host" allowed))
        (case (scheme != "file" && !isWord (lib.removeSuffix "]" (lib.removePrefix "[" hostName)) "${alnum}.-_:") (
          say key "has a host name with odd characters" allowed
        ))
        (case (match "/*" (elemAt url 4) != null) (say key "has no path" allowed))
      ];
    in
    if value == "" then
      if h.prebuilt then [ ] else [ (say key "is required unless prebuilt, but not set" allowed) ]
    else if hasPrefix "-" value then
      [ (say key "begins with -, which git takes for an option" allowed) ]
    else if hasControl value || hasInfix " " value || hasInfix (builtins.fromJSON ''"\u00a0"'') value then
      [ (say key "has a space or control character" allowed) ]
    else if helper != null then
      # transport::address runs git-remote-transport; ext:: runs anything.
      [ (say key "names a remote helper of git's" allowed) ]
    else if hasInfix "://" value then
      urlChecks
    else if hasPrefix "/" value then
      [ ]
    else if flakeRef != null then
      [ (say key "is a flake reference (${elemAt flakeRef 0}:), which git does not know" flakeAllowed) ]
    else if match "(https?|ssh|git|file):.*" value != null then
      [ (say key "has no // after its scheme, so that git takes it for the path of a server" allowed) ]
    else
      firstOf [
        (case (byAt != null && byColon == null || byAt == null && hasInfix "@" file) (
          say key "is no git address (or has a password, as in user:password@host)" allowed
        ))
        (case (file == "" || !isWord scpUser "${alnum}._-" || !isWord server "${alnum}.-_") (
          say key "is no git address" allowed
        ))
      ];

  ref =
    let
      value = h.repoRef;
      badPart = part: part == "" || hasPrefix "." part || hasSuffix ".lock" part;
      bad =
        hasControl value
        || stringLength value > 255
        || value == "@"
        || hasPrefix "-" value
        || hasAny " ~^:?*[\\" value
        || hasInfix ".." value
        || hasInfix "@{" value
        || hasSuffix "." value
        || any badPart (splitString "/" value);
    in
    if value != "" && bad then
      [
        (say "repoRef" "${quote value} is no name of a branch, tag or commit"
          "a branch, tag or commit, as git check-ref-format has it"
        )
      ]
    else
      [ ];

  clonePath =
    let
      key = "repoClonePath";
      dir = h.repoClonePath;
      allowed = "an absolute path below /mnt, such as /mnt/nix-config, of letters, digits and . _ - + @";
      chars = "${alnum}/._-+@";
      covered = "covered by a mount once the system runs";
      place =
        name: why:
        let
          full = "/mnt/${name}";
        in
        if clean dir == full || isBelow (clean dir) full then
          [ (say key "${quote dir} is in ${full}, which is ${why}" allowed) ]
        else
          [ ];
    in
    firstOf [
      (case (dir == "") (missing key allowed))
      (case (!hasPrefix "/" dir) (say key "${quote dir} is not absolute" allowed))
      (case (hasDotDot dir) (say key "${quote dir} has .." allowed))
      (case (!isBelow (clean dir) "/mnt") (say key "${quote dir} is not below /mnt" allowed))
      # It becomes a flake reference, where # and ? have a meaning.
      (case (!onlyHas dir chars) (say key (has dir chars) allowed))
    ]
    ++ concatLists [
      (place "boot" "the ESP, which keeps neither owners nor symlinks")
      (place "nix" "Nix's own")
      (place "dev" covered)
      (place "proc" covered)
      (place "run" covered)
      (place "sys" covered)
    ];
in
remote ++ ref ++ clonePath
