/**
 * The sandbox's database: created on demand, reached through one pool.
 *
 * The pool's planner settings keep index plans in freshly filled tables that nobody has analysed yet: the sandbox
 * must stay fast right after a seed of thousands of contacts.
 */
import { Client, Pool, types } from 'pg';

const INDEX_PLANS = '-c enable_seqscan=off -c enable_mergejoin=off -c plan_cache_mode=force_custom_plan';
const DUPLICATE_DATABASE = '42P04';

/** Opens the pool. `clockSkewMs` shifts the clock that stamps `created_at` and `updated_at`. */
export function openPool(databaseUrl: string, options: { clockSkewMs: number; connections: number }): Pool {
  return new Pool({
    connectionString: databaseUrl,
    max: options.connections,
    options: `${INDEX_PLANS} -c bevatel.clock_skew_ms=${options.clockSkewMs}`,
    types: { getTypeParser: (oid, format) => (oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format)) },
  });
}

/** Creates database `name` on the server of `adminUrl` unless it exists, and returns its URL. */
export async function createSandboxDatabase(adminUrl: string, name: string): Promise<string> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) throw new Error(`not a usable database name: ${JSON.stringify(name)}`);
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE "${name}"`);
  } catch (error) {
    if ((error as { code?: string }).code !== DUPLICATE_DATABASE) throw error;
  } finally {
    await client.end();
  }
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}
