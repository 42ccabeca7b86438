/**
 * Reads an integration file: YAML text → Integration, or every fault in it at once.
 *
 * Each fault has its path (`fields[2].lens`), the line where the text has one, what is wrong and, where that is not
 * the same, what to do. No message repeats a value that could be a secret (I11). Pure: the caller reads the file.
 */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { SyncError } from './errors.ts';
import { semanticFaults } from './integration-rules.ts';
import { structuralFaults } from './integration-shape.ts';
import type { IntegrationFault, Path } from './integration-shape.ts';
import { zIntegration } from './integration.ts';
import type { Integration } from './integration.ts';

const MAX_LENGTH = 1_000_000;

/** `name` stands in the error for the file. Throws SyncError `configuration_invalid` with all faults in `facts.faults`. */
export function parseIntegrationFile(text: string, name: string): Integration {
  if (text.length > MAX_LENGTH) throw invalid(name, [{ path: '', message: 'the file is longer than a million characters' }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  if (document.errors.length > 0) throw invalid(name, document.errors.map((error) => ({ path: '', message: `line ${lines.linePos(error.pos[0]).line}: ${error.message}` })));
  const data = asData(document, name);
  const { integration, faults } = examined(data);
  if (integration) return integration;
  const placed = faults.map((fault) => ({ fault, line: lineOf(document, fault.path, lines) }));
  throw invalid(name, placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)).map(({ fault, line }) => ({ path: written(fault.path), message: sentence(fault, line) })));
}

/** The same for what is not a text: as it came over the API, or was put together. Throws as `parseIntegrationFile`. */
export function checkedIntegration(data: unknown, name: string): Integration {
  const { integration, faults } = examined(data);
  if (integration) return integration;
  throw invalid(name, faults.map((fault) => ({ path: written(fault.path), message: sentence(fault, null) })));
}

function examined(data: unknown): { readonly integration: Integration | null; readonly faults: readonly IntegrationFault[] } {
  const parsed = zIntegration.safeParse(data);
  const faults = distinct([...(parsed.success ? [] : structuralFaults(parsed.error, data)), ...semanticFaults(data)]);
  return { integration: parsed.success && faults.length === 0 ? parsed.data : null, faults };
}

function asData(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw invalid(name, [{ path: '', message: 'too many aliases, or one without its anchor' }]);
  }
}

function invalid(name: string, faults: readonly { readonly path: string; readonly message: string }[]): SyncError {
  return new SyncError('configuration_invalid', `${name}: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`, { faults });
}

function distinct(faults: readonly IntegrationFault[]): readonly IntegrationFault[] {
  return [...new Map(faults.map((fault) => [`${written(fault.path)}|${fault.message}`, fault])).values()];
}

function sentence(fault: IntegrationFault, line: number | null): string {
  return `${line === null ? '' : `line ${line}: `}${fault.message}${fault.advice === undefined ? '' : `; ${fault.advice}`}`;
}

/** `fields[2].lens` */
function written(path: Path): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '');
}

/** The line of the deepest step of the path that stands in the text; null for the file as a whole. */
function lineOf(document: Document, path: Path, lines: LineCounter): number | null {
  let node: unknown = document.contents;
  let offset: number | null = null;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (!pair) break;
      offset = rangeOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = rangeOf(node) ?? offset;
    } else break;
  }
  return offset === null ? null : lines.linePos(offset).line;
}

function rangeOf(node: unknown): number | null {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? null;
}
