/** How the process collects garbage. */
import { setFlagsFromString } from 'node:v8';

/**
 * To be called before images come in from outside, each in a new buffer.
 *
 * Such buffers die young, and V8 frees them in pauses of under a millisecond. But it also counts them (83 MB/s with
 * three 640×480 cameras at 30 Hz) towards the growth at which it searches the whole heap, by default a few tens of
 * MB: several times a second, for up to half of the thread's time. A heap that may grow to three times what was in
 * use does without.
 */
export function expectImages(): void {
  setFlagsFromString('--heap-growing-percent=200');
}
