/**
 * Tables: drawn by cli-table3 on a terminal, tab-separated lines elsewhere, so that they can be cut and sorted.
 *
 * cli-table3 counts every code point as a column, which Arabic marks, emoji and joiners are not. So it lays out
 * stand-ins of the right width, one private character per cell, and the texts take their places afterwards.
 */
import Table from 'cli-table3';
import { cut, displayWidth, isolated, oneLine } from './width.ts';

export interface TableOptions {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Draw lines, or print plain tab-separated text. */
  readonly isTerminal: boolean;
  /** Widest cell on a terminal (columns, default 40). */
  readonly maxCell?: number;
}

/** Supplementary private use area: nobody's text. */
const FIRST_STAND_IN = 0xf0000;
const STAND_INS = /([\u{F0000}-\u{FFFFD}])\1*/gu;

export function renderTable({ head, rows, isTerminal, maxCell = 40 }: TableOptions): string {
  const texts = rows.map((row) => row.map(oneLine));
  if (!isTerminal) return [head, ...texts].map((row) => row.join('\t')).join('\n');
  const cells: string[] = [];
  function standIn(text: string): string {
    const shown = cut(text, maxCell);
    cells.push(shown);
    return String.fromCodePoint(FIRST_STAND_IN + cells.length - 1).repeat(displayWidth(shown));
  }
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  table.push(...texts.map((row) => row.map((text) => (displayWidth(text) === 0 ? '' : standIn(text)))));
  return table.toString().replace(STAND_INS, (run) => isolated(cells[(run.codePointAt(0) ?? 0) - FIRST_STAND_IN] ?? ''));
}
