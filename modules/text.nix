# Text as Go's fmt and the console see it. A Nix string is bytes, which its
# comparison orders as the code points that they encode.
{ lib }:
let
  inherit (builtins)
    any
    elem
    filter
    fromJSON
    length
    lessThan
    stringLength
    substring
    toJSON
    ;
  inherit (lib) foldl' findFirst stringToCharacters;

  isWithin = low: high: c: !lessThan c low && !lessThan high c;
  # The bytes 0x80 to 0xbf, which go on with a character.
  goesOn = isWithin (substring 1 1 "Ā") (substring 1 1 "ÿ");

  # The characters of a string, in UTF-8.
  characters =
    value:
    let
      step =
        done: byte:
        if done != [ ] && goesOn byte then lib.init done ++ [ "${lib.last done}${byte}" ] else done ++ [ byte ];
    in
    foldl' step [ ] (stringToCharacters value);

  # East Asian Wide and Fullwidth (Unicode Standard Annex 11), in whole blocks.
  wide = [
    (isWithin "ᄀ" "ᅟ")
    (isWithin "⺀" "〾")
    (isWithin "ぁ" "㏿")
    (isWithin "㐀" "䶿")
    (isWithin "一" "꓆")
    (isWithin "가" "힣")
    (isWithin "豈" "﫿")
    (isWithin "︰" "﹯")
    (isWithin "！" "｠")
    (isWithin "￠" "￦")
    (isWithin "🌀" "🙏")
    (isWithin "🤀" "🧿")
    (isWithin "𠀀" "𯿽")
  ];

  # The controls of ASCII, and those after it: U+0080 to U+009F.
  isControl =
    c: builtins.match "[[:cntrl:]]" c != null || isWithin (fromJSON ''"\u0080"'') (fromJSON ''"\u009f"'') c;

  shorten =
    value:
    let
      most = 80;
      cut = at: if at > 0 && goesOn (substring at 1 value) then cut (at - 1) else at;
    in
    if stringLength value <= most then value else "${substring 0 (cut most) value}…";
in
{
  # The first character of value that is not one of chars (ASCII); null if
  # there is none.
  stranger =
    value: chars:
    let
      allowed = stringToCharacters chars;
    in
    findFirst (c: !elem c allowed) null (characters value);

  hasControl = value: any isControl (characters value);

  # How wide the console shows a line.
  columns =
    line:
    let
      all = characters line;
    in
    length all + length (filter (c: any (w: w c) wide) all);

  # A value in a message: escaped, and cut where it is very long.
  quote = value: toJSON (shorten value);

  # A character in a message, as Go's %q shows it.
  quoteCharacter =
    c:
    let
      json = toJSON c;
      inner = if c == "\"" then c else substring 1 (stringLength json - 2) json;
    in
    if c == "'" then "'\\''" else "'${inner}'";
}
