/** The part of a pino logger that drivers use. */
export interface DriverLogger {
  debug(detail: object, message: string): void;
  info(detail: object, message: string): void;
  warn(detail: object, message: string): void;
  error(detail: object, message: string): void;
}

const nothing = (): void => undefined;
export const silentLogger: DriverLogger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
