/** A hash of the rules that an integration is compared by, kept with each run and certificate. */
import { createHash } from 'node:crypto';
import type { Integration } from '../schemas/integration.ts';

/** Of everything in an integration file that decides what agrees: not of addresses, credentials, rhythms, and what goes out when. Hexadecimal. */
export function rulesFingerprint(config: Integration): string {
  const { connection: _connection, bevatel: _bevatel, poll: _poll, sweep: _sweep, guards: _guards, canary: _canary, dryRun: _dryRun, ...rules } = config;
  return createHash('sha256').update(canonicalJson(rules)).digest('hex');
}

/** Keys sorted: a configuration that was stored and read again is the same. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
