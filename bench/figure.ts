/** What every figure is given. */
import type { StackUrls } from '../deploy/local/stack.ts';

export interface FigureOptions {
  readonly urls: StackUrls;
  /** Told what is going on, a line at a time. */
  readonly say: (line: string) => void;
  /** For figures that run at a rate for a while; each has a default. */
  readonly seconds?: number | undefined;
}
