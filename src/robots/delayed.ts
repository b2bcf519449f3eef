/** A robot whose eyes are slow: for trying out, on a simulator, what transport and decoding cost a policy. */
import { Observable } from 'rxjs';
import type { Robot } from './robot.js';

/** What was sent this much (s) before it is due counts as due: times are rounded. */
const SLACK_S = 1e-9;

/** One subscriber's samples that are still on their way, the oldest first. */
interface Line {
  clear(): void;
  /** Hands on what was seen up to `time`. */
  flush(time: number): void;
}

/**
 * The robot, its frames and joint states arriving `delayS` later, as they were and stamped when they were seen.
 * Outcomes are not delayed: they judge the attempt, they do not guide it.
 *
 * @param robot in lockstep: samples can only come when it sends others, which rounds the delay up to its period
 */
export function delaySensors(robot: Robot, delayS: number): Robot {
  const lines = new Set<Line>();
  const flush = () => {
    for (const line of lines) line.flush(robot.clock.now - delayS + SLACK_S);
  };
  return {
    contract: robot.contract,
    clock: {
      lockstep: robot.clock.lockstep,
      get now() {
        return robot.clock.now;
      },
      sleepUntil: async (time) => {
        await robot.clock.sleepUntil(time);
        flush();
      },
    },
    frames: delayed(robot.frames, lines),
    joints: delayed(robot.joints, lines),
    outcomes: robot.outcomes,
    maxReward: robot.maxReward,
    ...(robot.wantsHorizon !== undefined && { wantsHorizon: robot.wantsHorizon }),
    reset: async (request) => {
      for (const line of lines) line.clear();
      await robot.reset(request);
      flush();
    },
    command: (command) => robot.command(command),
    close: () => robot.close(),
  };
}

/** Listens to `source` only while somebody listens: a simulator renders what is looked at. */
function delayed<T extends { readonly time: number }>(
  source: Observable<T>,
  lines: Set<Line>,
): Observable<T> {
  return new Observable<T>((subscriber) => {
    const waiting: T[] = [];
    const line: Line = {
      clear: () => {
        waiting.length = 0;
      },
      flush: (time) => {
        while (waiting[0] && waiting[0].time <= time) subscriber.next(waiting.shift() as T);
      },
    };
    lines.add(line);
    const subscription = source.subscribe({
      next: (sample) => waiting.push(sample),
      error: (error) => subscriber.error(error),
      complete: () => subscriber.complete(),
    });
    return () => {
      lines.delete(line);
      subscription.unsubscribe();
    };
  });
}
