#!/usr/bin/env node
// The way in. In plain old syntax, so that a Node too old for the rest can still say so in one line.
var OLDEST = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  console.error(
    'bevatel-sync needs Node ' + OLDEST + ' or newer; this is ' + process.version +
    '. Start it in the project by "npx bevatel-sync" or "npm run": they use the Node that "npm ci" installed.'
  );
  process.exit(1);
} else {
  import('./cli.ts').then(function (cli) { return cli.main(process.argv); });
}
