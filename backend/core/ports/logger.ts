/** The part of pino's logger that the platform's parts use: what Hearth says about itself, never what functions say. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
