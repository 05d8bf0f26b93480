#!/usr/bin/env bash
# Prints what a user of the package gets, as CycloneDX: the packed tarball, installed into an empty folder. (npm's own
# "sbom --omit=dev" leaves out packages that development needs as well.)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$(npm pack --ignore-scripts --silent --pack-destination "$folder" | tail -1)
cd "$folder"
echo '{ "name": "user", "version": "1.0.0", "private": true }' > package.json
npm install "./$file" --prefer-offline --no-audit --no-fund --loglevel=error >&2
npm sbom --sbom-format=cyclonedx --loglevel=error
