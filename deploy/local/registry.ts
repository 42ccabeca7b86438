/**
 * Apicurio Registry with SQL storage in a database of its own on the stack's Postgres.
 * Its default storage is memory: ids would be handed out anew after a restart, and records written before
 * would be decoded with the wrong schema.
 */
import { mkdir } from 'node:fs/promises';
import { Part } from './part.ts';

export type RegistryOptions = {
  readonly jar: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly database: { readonly host: string; readonly port: number; readonly name: string; readonly user: string; readonly password: string };
};

const PROBE_LIMIT_MS = 3000;

export async function prepareRegistry({ jar, dataDir, logFile, port, database }: RegistryOptions): Promise<Part> {
  await mkdir(dataDir, { recursive: true });
  return new Part({
    name: 'registry',
    command: 'java',
    args: ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', jar],
    env: {
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(port),
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'postgresql',
      APICURIO_DATASOURCE_URL: `jdbc:postgresql://${database.host}:${database.port}/${database.name}`,
      APICURIO_DATASOURCE_USERNAME: database.user,
      APICURIO_DATASOURCE_PASSWORD: database.password,
    },
    cwd: dataDir,
    logFile,
    probe: () => askRegistry(registryUrl(port)),
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  });
}

/** The Confluent-compatible API of a registry on loopback. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Resolves when the registry lists its subjects, which it reads from its storage. */
export async function askRegistry(url: string): Promise<void> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`the registry answered ${response.status}`);
}
