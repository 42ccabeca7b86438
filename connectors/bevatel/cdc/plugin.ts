/**
 * Between the library's connection and its caller: rows are read by row-reader.ts, everything else by the library, and
 * the socket can be held back.
 */
import type { Duplex } from 'node:stream';

import type { Client } from 'pg';
import type { Pgoutput } from 'pg-logical-replication';
import { PgoutputPlugin } from 'pg-logical-replication';

import { COLUMNS_READ } from './change-of-row.ts';
import type { RowMessage } from './row-reader.ts';
import { RowReader } from './row-reader.ts';

type OtherMessage = Exclude<Pgoutput.Message, { readonly tag: RowMessage['tag'] }>;
export type Received = RowMessage | OtherMessage | { readonly tag: 'unreadable'; readonly error: unknown };

export class RowPlugin extends PgoutputPlugin {
  readonly #rows = new RowReader(COLUMNS_READ);
  #socket: Duplex | undefined;

  constructor(publication: string) {
    super({ protoVersion: 1, publicationNames: [publication] });
  }

  /** Called by the library with the connection that is to stream. */
  override start(client: Client, slot: string, lsn: string): Promise<unknown> {
    this.#socket = client.connection.stream;
    return super.start(client, slot, lsn);
  }

  get isPaused(): boolean {
    return this.#socket?.isPaused() ?? false;
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** The library hands the result on as it is, whatever it says of the type; an error would be thrown into the socket. */
  override parse(buffer: Buffer): Pgoutput.Message {
    return this.#parse(buffer) as unknown as Pgoutput.Message;
  }

  #parse(buffer: Buffer): Received {
    try {
      const row = this.#rows.read(buffer);
      if (row) return row;
      const message = super.parse(buffer) as OtherMessage;
      if (message.tag === 'relation') this.#rows.learn(message);
      return message;
    } catch (error) {
      return { tag: 'unreadable', error };
    }
  }
}
