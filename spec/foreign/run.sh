#!/bin/sh
# Reads every test vector with decoders that are not DarkChat's, makes the handshake again with another Noise, and has a
# node that was written from spec/ alone talk to the real program (stories.py).
# Needs node 20 with npm, Debian's python3, and Go (or DARKCHAT=PATH, a program that is built); installs python3-cbor2 and
# python3-cryptography if they are missing (as root) and the npm packages of package-lock.json into a temporary folder.
# Exits non-zero on any disagreement.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3 # Debian's, which sees Debian's modules

if ! $python -c 'import cbor2, cryptography' 2>/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-cbor2 python3-cryptography >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/spec"
cp -R "$here" "$here/../vectors" "$here/../darkchat.cddl" "$work/spec"
cd "$work/spec/foreign"
npm ci --silent --no-progress

darkchat=${DARKCHAT-}
if [ -z "$darkchat" ]; then
	darkchat=$work/darkchat
	(cd "$here/../.." && go build -o "$darkchat" ./cmd/darkchat)
fi
$python -B stories.py "$darkchat"

echo "vectors: $(ls ../vectors/*.hex | wc -l)"
node check_vectors.mjs
$python -B check_vectors.py
$python -B check_messages.py
$python -B handshake.py
$python -B lists.py
