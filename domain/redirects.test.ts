import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redirected, resolved, withChange } from './redirects.ts';
import type { Redirects } from './redirects.ts';

function after(...merges: readonly string[]): Record<string, string> {
  return Object.fromEntries(merges.reduce<Redirects>((known, merge) => {
    const [from = '', to = ''] = merge.split('>');
    return withChange(known, redirected(known, from, to));
  }, new Map()));
}

describe('redirects', () => {
  it.each<[string, string[], Record<string, string>]>([
    ['one merge', ['a>b'], { a: 'b' }],
    ['a chain is compressed', ['a>b', 'b>c', 'c>d'], { a: 'd', b: 'd', c: 'd' }],
    ['told in the other order', ['b>c', 'a>b'], { a: 'c', b: 'c' }],
    ['several into one, then on', ['a>c', 'b>c', 'c>d'], { a: 'd', b: 'd', c: 'd' }],
    ['told twice', ['a>b', 'a>b'], { a: 'b' }],
    ['into itself', ['a>a'], {}],
    ['back: the newer news stands', ['a>b', 'b>a'], { b: 'a' }],
    ['back by a third', ['a>b', 'b>c', 'c>a'], { b: 'a', c: 'a' }],
    ['the old id merged elsewhere since', ['a>b', 'a>c'], { a: 'c' }],
  ])('%s', (_name, merges, expected) => expect(after(...merges)).toEqual(expected));

  it('law: no id leads to one that leads on, none to itself, and the last survivor is found from every id that went into it', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    fc.assert(fc.property(fc.array(fc.tuple(id, id), { maxLength: 20 }), (merges) => {
      let known: Redirects = new Map();
      for (const [from, to] of merges) {
        known = withChange(known, redirected(known, from, to));
        for (const [old, last] of known) {
          expect(last).not.toBe(old);
          expect(known.has(last)).toBe(false);
        }
        expect(resolved(known, from)).toBe(resolved(known, to));
      }
    }));
  });
});
