# A stand-in for agenix: its options, for evaluation alone. What the demo system
# does at its start is what agenix' module would make it do.
{
  outputs = _: {
    nixosModules.default =
      { lib, config, ... }:
      {
        options.age = {
          secrets = lib.mkOption {
            type = lib.types.attrsOf (lib.types.submodule { options.file = lib.mkOption { type = lib.types.path; }; });
            default = { };
          };
          identityPaths = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            default = [ "/etc/age/${config.networking.hostName}.agekey" ];
          };
        };
      };
  };
}
