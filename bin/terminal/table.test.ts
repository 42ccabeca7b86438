import { describe, expect, it } from 'vitest';
import { renderTable } from './table.ts';
import { cut, displayWidth } from './width.ts';

describe('displayWidth', () => {
  it.each<[string, string, number]>([
    ['Latin', 'Ahmad', 5],
    ['Arabic letters', 'محمد', 4],
    ['Arabic with marks, which take no column', 'مُحَمَّد', 4],
    ['isolates and joiners', '\u2068a\u200d\u2069', 1],
    ['combining accents', 'e\u0301', 1],
    ['Chinese', '漢字', 4],
    ['an emoji of several code points', '👩‍💻', 2],
    ['a flag', '🇸🇦', 2],
    ['nothing', '', 0],
  ])('%s', (_what, text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
  it('cuts at whole graphemes', () => {
    expect(cut('مُحَمَّد علي', 5)).toBe('مُحَمَّد…');
    expect(cut('👩‍💻👩‍💻👩‍💻', 4)).toBe('👩‍💻…');
  });
});

describe('renderTable', () => {
  const rows = [['Ahmad', 'x'], ['مُحَمَّد', 'y'], ['漢字 👩‍💻', ''], ['', 'z']];
  it('aligns every line on a terminal, whatever the script', () => {
    const lines = renderTable({ head: ['name', 'side'], rows, isTerminal: true }).split('\n');
    expect(new Set(lines.map(displayWidth)).size).toBe(1);
    expect(lines.find((line) => line.includes('محمد') || line.includes('مُحَمَّد'))).toContain('\u2068مُحَمَّد\u2069');
  });
  it('is plain text with tabs elsewhere', () => {
    expect(renderTable({ head: ['name', 'side'], rows: [['مُحَمَّد', 'a\nb\tc']], isTerminal: false })).toBe('name\tside\nمُحَمَّد\ta b c');
  });
});
