#!/bin/sh
# usage: install-as.sh FILE NAME   installs FILE under another name, below the prefix
set -eu
to=$MESON_INSTALL_DESTDIR_PREFIX/$2
mkdir -p "$(dirname "$to")"
install -m 644 "$1" "$to"
