/** Diagnostics go to stderr, through winston; stdout belongs to results. */
import winston from 'winston';

export const log = winston.createLogger({
  level: 'info',
  format: winston.format.printf(({ level, message }) =>
    level === 'info' ? String(message) : `${level}: ${String(message)}`,
  ),
  transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
});

/** With `verbose`, debug lines and stack traces are shown. */
export function setVerbose(verbose: boolean): void {
  log.level = verbose ? 'debug' : 'info';
}
