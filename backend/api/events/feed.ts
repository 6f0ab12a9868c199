/** Where a feed sends to: one stream, with a bounded buffer. */
export interface Outlet {
  /** What is sent now would be more than the buffer is for. */
  readonly isBlocked: boolean;
  /** Sends an event with the positions of all feeds as its id, so a feed moves on before it sends. */
  send(kind: string, json: string): void;
  /** Resolves when it is not blocked any more, or closed. */
  drained(): Promise<void>;
}

/** One topic on its way to one reader. */
export interface Feed {
  /** What the topic goes by in cursors. */
  readonly cursorKey: string;
  /** Digits; undefined while it is not known yet. */
  readonly position: string | undefined;
  /** Sends what waits, until the outlet is blocked. */
  pump(): void;
  close(): void;
}
