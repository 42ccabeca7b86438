#!/usr/bin/env node
import { fileURLToPath } from 'node:url';

// The way in. In plain old syntax, so that a Node too old for the rest can still say so in one line.
var OLDEST = 24;
// What the service runs with: a young generation that does not grow with the machine's memory, and an old one that is
// collected before it has grown by half. Measured in docs/benchmarks.md, "memory".
var SERVICE_FLAGS = ['--max-semi-space-size=8', '--heap-growing-percent=30', '--disable-warning=TimeoutNegativeWarning'];

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  console.error(
    'bevatel-sync needs Node ' + OLDEST + ' or newer; this is ' + process.version +
    '. Start it in the project by "npx bevatel-sync" or "npm run": they use the Node that "npm ci" installed.'
  );
  process.exit(1);
} else if (process.argv[2] === 'run' && process.execve && !process.execArgv.includes(SERVICE_FLAGS[0])) {
  // The same process goes on, with these flags.
  process.execve(process.execPath, [process.execPath].concat(process.execArgv, SERVICE_FLAGS, process.argv.slice(1)), process.env);
} else {
  import('node:module').then(function (modules) {
    // What was compiled once need not be compiled at the next start; without a place to keep it, it is.
    modules.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/bevatel-sync', import.meta.url)));
    return import('./cli.ts');
  }).then(function (cli) { return cli.main(process.argv); });
}
