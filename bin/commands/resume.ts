/** `bevatel-sync resume INTEGRATION`: goes on where `pause` stopped. */
import type { Command } from 'commander';
import { registerSwitch } from '../terminal/pause-switch.ts';

export function register(program: Command): void {
  registerSwitch(program, 'resume', 'go on where pause stopped');
}
