/** Secrets by the name of their environment variable: integration files name them, only this record holds them (I11). */
import { SyncError } from '../schemas/errors.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The secret, or SyncError `configuration_missing` that names the variable. */
export function resolveSecret(env: Env, name: string): string {
  const secret = env[name];
  if (secret === undefined || secret === '') throw new SyncError('configuration_missing', `the environment variable ${name} is not set`);
  return secret;
}

/** Name → secret for all names; the error names every variable that is missing. */
export function resolveSecrets(env: Env, names: readonly string[]): ReadonlyMap<string, string> {
  const missing = names.filter((name) => !env[name]);
  if (missing.length > 0) {
    const faults = missing.map((name) => ({ path: name, message: 'is not set' }));
    throw new SyncError('configuration_missing', `environment variables are not set: ${missing.join(', ')}`, { faults });
  }
  return new Map(names.map((name) => [name, env[name] ?? '']));
}
