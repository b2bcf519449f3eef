/** How the process collects garbage. */
import { setFlagsFromString } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';

/** What is moved to a port that is closed is gone. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * To be called before images come in from outside, each in a new buffer.
 *
 * Such buffers die young, and V8 frees them in pauses of under a millisecond. But it also counts them (83 MB/s with
 * three 640×480 cameras at 30 Hz) towards the growth at which it searches the whole heap, by default a few tens of
 * MB: several times a second, for up to half of the thread's time. A heap that may grow to three times what was in
 * use does without. (What is freed by `free` counts only until then.)
 *
 * V8 also shares a pause's work out among helper threads, and waits for them. While inference has the cores, that is
 * until the system lets them run, which may take many times as long as the work; the loop's thread does it alone in
 * less than a millisecond.
 */
export function expectImages(): void {
  setFlagsFromString('--heap-growing-percent=200');
  setFlagsFromString('--no-parallel-scavenge');
}

/**
 * Frees a buffer's memory at once; its arrays are empty afterwards. The next image is then copied into memory that is
 * still warm, where the garbage collector would have left it one whose every page is touched for the first time.
 */
export function free(buffer: ArrayBuffer): void {
  nowhere.postMessage(null, [buffer]);
}
