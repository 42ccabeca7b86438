import { describe, expect, it } from 'vitest';
import { createPublisher, cutIntoSends } from './publisher.ts';
import type { Message } from './publisher.ts';

function message(value: string): Message {
  return { topic: 't', key: value, value: Buffer.from(value) };
}
/** A broker that acknowledges when told to. */
function broker() {
  const sends: { readonly values: string[]; readonly ack: (error?: Error) => void }[] = [];
  const send = (messages: readonly Message[]): Promise<void> => new Promise((resolve, reject) => {
    sends.push({ values: messages.map(({ value }) => String(value)), ack: (error) => (error ? reject(error) : resolve()) });
  });
  return { send, sends };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('createPublisher', () => {
  it('sends together what comes in one turn, and what comes while a send is on its way', async () => {
    const { send, sends } = broker();
    const publisher = createPublisher({ send });
    const first = [publisher.publish([message('a')]), publisher.publish([message('b')])];
    await turn();
    const later = [publisher.publish([message('c')]), publisher.publish([message('d')])];
    await turn();
    expect(sends.map((sent) => sent.values)).toEqual([['a', 'b']]);
    sends[0]?.ack();
    await Promise.all(first);
    await turn();
    expect(sends.map((sent) => sent.values)).toEqual([['a', 'b'], ['c', 'd']]);
    sends[1]?.ack();
    await Promise.all(later);
    expect(publisher.queued()).toBe(0);
  });

  it('resolves nothing before the acknowledgement and rejects only the calls of the send that failed', async () => {
    const { send, sends } = broker();
    const publisher = createPublisher({ send });
    const outcomes: string[] = [];
    const note = (name: string, call: Promise<void>) => call.then(() => outcomes.push(`${name} acknowledged`), () => outcomes.push(`${name} failed`));
    const one = note('one', publisher.publish([message('a')]));
    await turn();
    const two = note('two', publisher.publish([message('b')]));
    await turn();
    expect(outcomes).toEqual([]);
    sends[0]?.ack(new Error('gone'));
    await one;
    await turn();
    sends[1]?.ack();
    await two;
    expect(outcomes).toEqual(['one failed', 'two acknowledged']);
  });

  it('is bounded, but takes a single call that is larger than the bound', async () => {
    const { send, sends } = broker();
    const publisher = createPublisher({ send, maxQueued: 2 });
    const large = publisher.publish([message('a'), message('b'), message('c')]);
    await expect(publisher.publish([message('d')])).rejects.toMatchObject({ code: 'kafka_unavailable' });
    await turn();
    sends[0]?.ack();
    await large;
    const after = publisher.publish([message('e')]);
    await turn();
    sends[1]?.ack();
    await after;
  });

  it('waits at its close for what was accepted and takes nothing more', async () => {
    const { send, sends } = broker();
    const publisher = createPublisher({ send });
    const accepted = publisher.publish([message('a')]);
    await turn();
    let closed = false;
    const closing = publisher.close().then(() => { closed = true; });
    await turn();
    expect(closed).toBe(false);
    await expect(publisher.publish([message('b')])).rejects.toMatchObject({ code: 'kafka_unavailable' });
    sends[0]?.ack();
    await Promise.all([accepted, closing]);
  });
});

describe('cutIntoSends', () => {
  it('keeps order and both bounds; a message larger than the bound goes alone', () => {
    const messages = ['a', 'b', 'c', 'x'.repeat(500), 'd'].map(message);
    const sizes = cutIntoSends(messages, 2, 300).map((part) => part.map(({ value }) => String(value)[0]));
    expect(sizes).toEqual([['a', 'b'], ['c'], ['x'], ['d']]);
  });
});
