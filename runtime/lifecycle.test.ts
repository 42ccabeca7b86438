import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createLifecycle } from './lifecycle.ts';
import { createLogger } from './logger.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const turn = () => new Promise((resolve) => setImmediate(resolve));

function begin(deadlineMs = 10_000) {
  const signals = new EventEmitter();
  const exits: number[] = [];
  const lifecycle = createLifecycle({ logger, signals, exit: (code) => exits.push(code), deadlineMs });
  return { signals, exits, lifecycle };
}

describe('createLifecycle', () => {
  it('stops at a signal, the last part first, one after the other', async () => {
    const { signals, exits, lifecycle } = begin();
    const order: string[] = [];
    for (const name of ['pool', 'reconcile', 'deliver']) {
      lifecycle.add(name, { stop: async () => { order.push(`${name} stops`); await turn(); order.push(`${name} stopped`); } });
    }
    signals.emit('SIGTERM');
    expect(await lifecycle.stopped).toBe(0);
    expect(order).toEqual(['deliver stops', 'deliver stopped', 'reconcile stops', 'reconcile stopped', 'pool stops', 'pool stopped']);
    expect(exits).toEqual([]);
    expect(signals.listenerCount('SIGTERM')).toBe(0);
  });

  it('goes on when a part cannot be stopped, and says so by its code', async () => {
    const { lifecycle } = begin();
    let stopped = false;
    lifecycle.add('pool', { stop: () => { stopped = true; return Promise.resolve(); } });
    lifecycle.add('broken', { stop: () => Promise.reject(new Error('no')) });
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(await lifecycle.stopped).toBe(1);
    expect(stopped).toBe(true);
  });

  it('ends at once at a second signal', () => {
    const { signals, exits, lifecycle } = begin();
    lifecycle.add('hanging', { stop: () => new Promise(() => undefined) });
    signals.emit('SIGINT');
    expect(exits).toEqual([]);
    signals.emit('SIGINT');
    expect(exits).toEqual([130]);
  });

  it('ends when the parts outlast the deadline', async () => {
    const { exits, lifecycle } = begin(5);
    lifecycle.add('hanging', { stop: () => new Promise(() => undefined) });
    void lifecycle.stop();
    while (exits.length === 0) await turn();
    expect(exits).toEqual([1]);
  });
});
