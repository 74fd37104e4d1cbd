# Short recipes; ./bootstrap RECIPE installs what they need first.

golangci := "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
gofumpt := "mvdan.cc/gofumpt@v0.12.0"
gotestsum := "gotest.tools/gotestsum@v1.13.0"
bin := justfile_directory() / "lab/out/bin"

# A program with the race detector sleeps for a second at its end, for late races (GORACE
# in the Go manual). Some fifty test programs have none.
export GORACE := "atexit_sleep_ms=0"
export PATH := env("PATH") + ":/usr/sbin:/sbin" # Debian gives users no sbin

set positional-arguments # "$@", so that the shell does not interpret a regular expression

# show the recipes
default:
    @just --list

# build the static binary, in dist/
build:
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o dist/auto-installer .

# install a host in the lab machine, boot its disk, show the proof
demo:
    go run ./lab/cmd/lab demo

# film an install on the lab's console, for the README
movie:
    go run ./lab/cmd/lab demo --movie docs/screens/install.gif

# boot the lab machine, with this terminal as its serial console
vm *args:
    go run ./lab/cmd/lab vm "$@"

# run all tests, unit and lab
test: lint tools
    lab/test

# run the unit tests
unit *args:
    lab/unit "$@" ./...

# run the lab's scenarios, or those whose name matches
e2e scenario='.':
    go test -tags e2e -count 1 -timeout 85m -parallel 2 -v -run '{{scenario}}' ./lab/...

# inject every fault into every step of an install, and before one, in the lab; takes hours
campaign *halves:
    lab/campaign "$@"

# kill the commands that change a repo, at any moment, 200 times each
kills:
    AUTO_INSTALLER_KILLS=200 go test -count 1 -v -run KilledAtAnyMoment ./cli ./internal/worktree

# run every fuzz target for a while
fuzz time='30s':
    lab/fuzz {{time}}

# run random machines through the choice of the disk, the plan and the gate
topology machines='10000':
    go test -count 1 -timeout 60m -v -run TestTopology ./steps -rapid.checks={{machines}} -rapid.seed=0

# check the Nix side without nixpkgs; NIXPKGS_LIB=FOLDER with its lib too
nix-check:
    lab/nix-check

# build installer ISOs with a whole nixpkgs, NIXPKGS=FOLDER, and Debian's programs
nixos-build *attributes:
    lab/nixos/build "$@"

# run the scenarios on real NixOS, NIXPKGS=FOLDER, or those whose name matches
nixos-e2e scenario='':
    go test -tags e2e,nixos -count 1 -timeout 85m -v -run 'TestNixOS{{scenario}}' ./lab

# the reference of all options in docs/nixos.md, from the modules
options-doc:
    lab/nix-check --options

# update the hash of the Go modules in modules/package.nix, after a change of go.mod
vendor-hash:
    lab/nix-check --vendor-hash

# run the linters
lint: tools
    {{bin}}/golangci-lint run
    {{bin}}/golangci-lint run --build-tags e2e,nixos ./lab/...
    shellcheck bootstrap .ci/run lab/test lab/unit lab/fuzz lab/rekey-bench lab/campaign lab/nix-check lab/nix/scripts-check lab/nixos/build lab/nixos/config lab/nixos/debian lab/live/build lab/live/root/etc/systemd/system-generators/kiosk lab/live/root/usr/local/sbin/lab-resumed lab/live/root/usr/local/bin/cryptsetup lab/live/kernel lab/live/nixos-install lab/live/nixos-enter

# format the code
fmt: tools
    {{bin}}/gofumpt -w .

# the pinned tools that the other recipes use
[private]
tools:
    @[ -x {{bin}}/golangci-lint ] || GOBIN={{bin}} go install {{golangci}}
    @[ -x {{bin}}/gofumpt ] || GOBIN={{bin}} go install {{gofumpt}}
    @[ -x {{bin}}/gotestsum ] || GOBIN={{bin}} go install {{gotestsum}}
