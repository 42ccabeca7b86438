import fc from 'fast-check';
import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { murmur2 } from './murmur2.ts';

/** The vectors of Kafka's own test (org.apache.kafka.common.utils.UtilsTest). */
const VECTORS: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

describe('murmur2', () => {
  it.each(VECTORS)('of %s is what Kafka makes of it', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('sends every key where the client\'s own partitioner sends it', () => {
    const theirs = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 997 }, (_, partitionId) => ({ partitionErrorCode: 0, partitionId, leader: 0, replicas: [0], isr: [0] }));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (key) => {
      const expected = theirs({ topic: 't', partitionMetadata, message: { key, value: null } });
      expect((murmur2(Buffer.from(key)) & 0x7fff_ffff) % partitionMetadata.length).toBe(expected);
    }));
  });
});
