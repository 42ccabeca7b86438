/** Redis without persistence: all it holds (rate limits, wake-ups) can be lost by design. */
import { mkdir } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { Part } from './part.ts';

export type RedisOptions = {
  readonly server: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
};

export async function prepareRedis({ server, dataDir, logFile, port }: RedisOptions): Promise<Part> {
  await mkdir(dataDir, { recursive: true });
  return new Part({
    name: 'redis',
    command: server,
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir, '--save', '', '--appendonly', 'no'],
    cwd: dataDir,
    logFile,
    probe: () => pingRedis(`redis://127.0.0.1:${port}`),
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  });
}

/** Resolves on PONG; rejects when there is no answer, without a second try. */
export async function pingRedis(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 1000, maxRetriesPerRequest: 0, retryStrategy: () => null });
  // Without a listener ioredis prints each failed connection; `connect` rejects with the same error.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
