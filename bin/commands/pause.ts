/** `bevatel-sync pause INTEGRATION`: nothing is read or written for it until `resume`; changes wait on their topics. */
import type { Command } from 'commander';
import { registerSwitch } from '../terminal/pause-switch.ts';

export function register(program: Command): void {
  registerSwitch(program, 'pause', 'stop reading from and writing to its systems; nothing is lost');
}
