# The installer itself, one static binary.
{
  lib,
  buildGoModule,
  version ? "unstable",
}:
buildGoModule {
  pname = "auto-installer";
  inherit version;
  src = lib.fileset.toSource {
    root = ../.;
    # Without what changes often and is not of the binary. All Go files are
    # needed, also those of the lab: `go mod vendor` looks at each.
    fileset = lib.fileset.difference ../. (
      lib.fileset.unions (
        map lib.fileset.maybeMissing [
          ../.ci
          ../bootstrap
          ../docs
          ../flake.lock
          ../flake.nix
          ../justfile
          ../lab/out
          ../CHANGELOG.md
          ../README.md
        ]
      )
    );
  };
  # `just vendor-hash` writes it, `just nix-check` compares it.
  vendorHash = "sha256-y9wlCgOTpR9La7Kns3d0ne9d1vRV/vL5jYPrJS+40Ew=";
  subPackages = [ "." ];
  env.CGO_ENABLED = "0";
  ldflags = [
    "-s"
    "-w"
    "-X main.version=${version}"
  ];
  # The tests want sfdisk, mkfs and a lab; `just test` runs them.
  doCheck = false;
  meta = {
    description = "Install a NixOS host from its flake, and prove that it will start";
    license = lib.licenses.mit;
    mainProgram = "auto-installer";
    platforms = lib.platforms.linux;
  };
}
