import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePorts } from './ports.ts';

it('gives different ports, below those that the kernel hands out', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  expect(ports.every((port) => port >= 20_000 && port < 32_000)).toBe(true);
});

it('passes over a port that somebody listens on', async () => {
  const [taken = 0] = await freePorts(1);
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(taken, '127.0.0.1', resolve); });
  try {
    const numbers = [taken, taken + 1].map((port) => (port - 20_000) / 12_000 + 1e-9);
    expect(await freePorts(1, () => numbers.shift() ?? Math.random())).not.toContain(taken);
    expect(numbers).toHaveLength(0);
  } finally {
    server.close();
  }
});
