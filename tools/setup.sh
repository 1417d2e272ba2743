# Sourced by ./hearth and ./check: installs missing Debian packages and configures a build. Works on Debian 12, 13 and Ubuntu 24.04.

# Boost 1.81 is the least that will do. Debian 12's plain package is older, and the two exclude each other.
boost_package() {
  if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then echo libboost1.81-dev; else echo libboost-dev; fi
}

run_packages="g++ cmake ninja-build ccache pkg-config libfmt-dev libsimdjson-dev libtomlplusplus-dev
  libutf8proc-dev libpcre2-dev libedit-dev $(boost_package) libssl-dev libcurl4-openssl-dev
  libxxhash-dev libhwloc-dev"
check_packages="$run_packages libgtest-dev python3 git binutils clang-19 libclang-rt-19-dev"

say() { printf '%s\n' "$*" >&2; }

# install_missing PACKAGE...: says what it will install, asks through sudo when not root.
install_missing() {
  command -v dpkg-query >/dev/null || { say "hearth: this is no Debian system; install by hand: $*"; return 0; }
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "hearth: please install as root: apt-get install ${missing[*]}"; return 1; }
    root=(sudo)
  fi
  say "hearth: installing Debian packages: ${missing[*]}"
  local said
  said=$("${root[@]}" apt-get update -qq 2>&1) || say "hearth: the package lists could not be refreshed; trying those on disk"
  said=$("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" 2>&1) ||
    { say "$said"; say "hearth: the packages could not be installed"; return 1; }
}

# configure PRESET [CMAKE ARGUMENT...]: prints what CMake says only when it fails.
configure() {
  local said
  said=$(cmake --preset "$@" 2>&1) || { say "$said"; return 1; }
}

# build PRESET TARGET...: builds with one job per processor.
build() {
  local preset=$1; shift
  cmake --build "build/$preset" -j "$(nproc)" --target "$@"
}
