/**
 * Free ports on loopback. They are taken from below the range from which the kernel hands out ports to
 * outgoing connections (32768 and up on Linux), so that nothing takes one between the look and the use.
 */
import { createServer, type Server } from 'node:net';

const LOWEST = 20_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;

/** Returns `count` different ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number, random: () => number = Math.random): Promise<number[]> {
  const held: { port: number; server: Server }[] = [];
  try {
    for (let attempt = 0; held.length < count; attempt += 1) {
      if (attempt === ATTEMPTS) throw new Error(`no free port on 127.0.0.1 between ${LOWEST} and ${HIGHEST}`);
      const port = LOWEST + Math.floor(random() * (HIGHEST - LOWEST));
      const server = await listen(port);
      if (server !== undefined) held.push({ port, server });
    }
    return held.map(({ port }) => port);
  } finally {
    await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  }
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => { resolve(undefined); });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => { resolve(server); });
  });
}
