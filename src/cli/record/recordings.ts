/** The bags of a recording session, written by the recording thread. */
import { join } from 'node:path';
import type { RobotContract } from '../../contract/contract.js';
import { bagName, type EpisodeInfo, type ImageFormat } from '../../record/episode.js';
import { Recorder } from '../../record/recorder.js';
import { softwareVersions } from '../../version.js';
import type { OpenBag } from './session.js';
import type { Source } from './sources.js';

export interface RecordingsOptions {
  readonly contract: RobotContract;
  /** Where the bags go. */
  readonly folder: string;
  readonly images: ImageFormat;
  readonly task?: string;
}

export class Recordings {
  readonly #options: RecordingsOptions;
  readonly #recorder: Recorder;

  private constructor(options: RecordingsOptions, recorder: Recorder) {
    this.#options = options;
    this.#recorder = recorder;
  }

  static async start(options: RecordingsOptions): Promise<Recordings> {
    return new Recordings(options, await Recorder.start());
  }

  /** @throws UserError when the bag cannot be made */
  async open(index: number, sources: readonly Source[]): Promise<OpenBag> {
    const dir = join(this.#options.folder, bagName(index));
    return await this.#recorder.begin({
      dir,
      info: this.#info(index),
      definitions: Object.fromEntries(sources.map(({ type, definition }) => [type, definition.text])),
    });
  }

  close(): Promise<void> {
    return this.#recorder.close();
  }

  #info(index: number): EpisodeInfo {
    const { contract, images, task } = this.#options;
    const { ROS_DISTRO = 'unknown', RMW_IMPLEMENTATION = 'default' } = process.env;
    return {
      source: 'record',
      lockstep: false,
      contract: { file: contract.file, text: contract.text },
      ...(task !== undefined && { task, instruction: task }),
      seed: index,
      maxReward: contract.reward.max,
      images,
      software: { ...softwareVersions(), ros: ROS_DISTRO, rmw: RMW_IMPLEMENTATION },
    };
  }
}
