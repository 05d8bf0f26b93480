#!/usr/bin/env bash
# Runs the tests on Node 24. Its binary comes from the registry, into build/: no dependency of the package.
# Arguments go to vitest: npm run test:node24 -- test/sweeper
set -euo pipefail
cd "$(dirname "$0")/.."
node=build/node24/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  mkdir -p build/node24
  echo '{ "private": true }' > build/node24/package.json
  npm install --prefix build/node24 node@24 --no-audit --no-fund --no-save --loglevel=error
fi
echo "Node $("$node" --version)"
# Processes that the tests start find the same Node first.
PATH="$PWD/$(dirname "$node"):$PATH" exec "$node" node_modules/vitest/vitest.mjs run "$@"
