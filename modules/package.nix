# The installer itself, one static binary.
{
  lib,
  buildGoModule,
}:
buildGoModule {
  pname = "auto-installer";
  version = lib.fileContents ../assets/version.txt;
  src = lib.fileset.toSource {
    root = ../.;
    # Without files that change often and do not reach the binary. `go mod vendor`
    # reads all Go files, also the lab's.
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
  vendorHash = "sha256-awFrPZItW7pMmU12qy4gJI3lKvs+0JqXgqG+KfL9nEo=";
  subPackages = [ "." ];
  env.CGO_ENABLED = "0";
  ldflags = [
    "-s"
    "-w"
  ];
  # The tests need sfdisk, mkfs and a lab; `just test` runs them.
  doCheck = false;
  meta = {
    description = "Install a NixOS host from its flake, and prove that it will start";
    license = lib.licenses.mit;
    mainProgram = "auto-installer";
    platforms = lib.platforms.linux;
  };
}
