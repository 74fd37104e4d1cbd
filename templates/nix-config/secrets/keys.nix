# Who can open which secrets. The keys here are placeholders: put your own for me,
# and let `auto-installer new-host NAME` add the hosts.
let
  # The recipient of each host's own identity, its /etc/age/<host>.agekey.
  hosts = {
    sample = "age1jpkljpy80h6kt5rgkdd43h4kusm4de334puf36yzwgv4k9mrz95qwytuv4";
  };
  users = {
    me = "age1gsvchm8fqkzzucy20qwurxy9hjy4e0z24wwk0zzk2juf969rgcnss9rr99";
  };
in
{
  sample = [
    hosts.sample
    users.me
  ];
}
