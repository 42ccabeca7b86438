import { describe, expect, it } from 'vitest';
import { storable, unstorableField } from './storable.ts';

describe('I8: values that cannot be stored', () => {
  it.each([
    ['plain and Arabic text', { a: 'محمد 🌙', b: null, c: 1, d: ['x'] }, null],
    ['a NUL', { a: 'x', b: 'a\0b' }, 'b'],
    ['an unpaired surrogate', { a: '\ud83d' }, 'a'],
    ['a NUL within a list', { tags: ['ok', '\0'] }, 'tags'],
  ] as const)('%s', (_name, image, field) => {
    expect(unstorableField(image)).toBe(field);
    expect(unstorableField(storable(image))).toBeNull();
    if (field !== null) expect(storable(image)).not.toHaveProperty(field);
  });
});
