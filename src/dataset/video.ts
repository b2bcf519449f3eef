/**
 * A camera's pictures as MP4 files, many episodes to a file, through the `ffmpeg` program. The encoding is
 * LeRobot's own: AV1, crf 30, a key frame every second frame, so that any frame is quickly reached.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { UserError } from '../errors.js';
import type { Size } from '../observe/resize.js';
import type { VideoStretch } from './episodeTable.js';
import { FIRST_FILE, type FileIndex, filePath, nextFile, VIDEO_PATH } from './format.js';

const ENCODER = 'libsvtav1';
/**
 * Pixels that go into one file, bytes; encoded it is some 50 to 200 MB. LeRobot looks at the file's size
 * instead, which depends on how far the encoder has come: the same bags would not make the same files.
 */
const FILE_PIXEL_BYTES = 4 * 2 ** 30;

/** What LeRobot notes of a video feature. */
export function videoInfo({ width, height }: Size, fps: number): Record<string, unknown> {
  return {
    'video.height': height,
    'video.width': width,
    'video.codec': 'av1',
    'video.pix_fmt': 'yuv420p',
    'video.is_depth_map': false,
    'video.fps': fps,
    'video.channels': 3,
    has_audio: false,
  };
}

/** @throws UserError when videos cannot be made here */
export async function requireFfmpeg(): Promise<void> {
  let encoders: string;
  try {
    encoders = (await promisify(execFile)('ffmpeg', ['-hide_banner', '-encoders'])).stdout;
  } catch (cause) {
    throw new UserError(
      'videos need the program ffmpeg, which cannot be started here: install it, or leave out --videos',
      2,
      { cause },
    );
  }
  if (!encoders.includes(ENCODER))
    throw new UserError(
      `videos need an ffmpeg with the encoder ${ENCODER}, which this one lacks: install another, or leave out --videos`,
    );
}

export interface VideoSeriesOptions {
  /** The dataset's folder. */
  readonly root: string;
  /** The feature. */
  readonly key: string;
  readonly size: Size;
  readonly fps: number;
}

export class VideoSeries {
  readonly #options: VideoSeriesOptions;
  #index: FileIndex = FIRST_FILE;
  #file: VideoFile | undefined;
  #frames = 0;

  constructor(options: VideoSeriesOptions) {
    this.#options = options;
  }

  /** Says that an episode of `length` frames comes; returns where it will be. */
  async place(length: number): Promise<VideoStretch> {
    const { size, fps } = this.#options;
    if ((this.#frames + length) * size.width * size.height * 3 > FILE_PIXEL_BYTES && this.#frames > 0) {
      await this.close();
      this.#index = nextFile(this.#index);
    }
    const from = this.#frames;
    this.#frames += length;
    return { ...this.#index, from: from / fps, to: this.#frames / fps };
  }

  /** @param image rgb8 */
  async add(image: Uint8Array): Promise<void> {
    this.#file ??= await this.#open();
    await this.#file.add(image);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#frames = 0;
  }

  async abandon(): Promise<void> {
    await this.#file?.abandon();
    this.#file = undefined;
  }

  async #open(): Promise<VideoFile> {
    const { root, key, size, fps } = this.#options;
    const path = join(root, filePath(VIDEO_PATH, this.#index, key));
    await mkdir(dirname(path), { recursive: true });
    return new VideoFile(path, size, fps);
  }
}

/** One run of ffmpeg. */
class VideoFile {
  readonly #path: string;
  readonly #process: ChildProcess;
  readonly #stdin: Writable;
  /** Its exit code, or what kept it from starting. */
  readonly #ended: Promise<number | null | Error>;
  #gone = false;
  #complaint = '';

  constructor(path: string, { width, height }: Size, fps: number) {
    this.#path = path;
    const args = [
      `-hide_banner -loglevel error -nostdin -f rawvideo -pix_fmt rgb24 -s ${width}x${height} -r ${fps} -i pipe:0`,
      // One encoder thread and no version strings: the same frames make the same file.
      `-c:v ${ENCODER} -crf 30 -g 2 -preset 12 -svtav1-params lp=1 -pix_fmt yuv420p`,
      '-fflags +bitexact -flags:v +bitexact -f mp4',
    ].flatMap((line) => line.split(' '));
    // Detached: the terminal's Ctrl-C is for us to answer.
    this.#process = spawn('ffmpeg', [...args, path], { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    this.#stdin = this.#process.stdin as Writable;
    // Its death is told by `close`; writing to a dead one must not end the program.
    this.#stdin.on('error', () => {});
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-2000);
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('error', resolve).once('close', resolve);
    });
    this.#ended.then(() => {
      this.#gone = true;
    });
  }

  async add(image: Uint8Array): Promise<void> {
    const taken = this.#stdin.write(image);
    if (!taken)
      await Promise.race([new Promise((resolve) => this.#stdin.once('drain', resolve)), this.#ended]);
    if (this.#gone) await this.close();
  }

  async close(): Promise<void> {
    this.#stdin.end();
    const ended = await this.#ended;
    if (ended === 0) return;
    const why = ended instanceof Error ? ended.message : this.#complaint.trim().split('\n').at(-1);
    throw new UserError(`video ${this.#path} cannot be made: ffmpeg says '${why}'`);
  }

  async abandon(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
