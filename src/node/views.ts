/**
 * What to look at: optical flow and attention as images, the way ahead as a trajectory. Each is computed and
 * published only while somebody listens, and after the tick's command has gone out.
 */
import type { JointSpec, RobotContract } from '../contract/contract.js';
import type { PolicyBundle, ViewSpec } from '../infer/bundle.js';
import type { View } from '../infer/protocol.js';
import { encode } from '../messages/cdr.js';
import { toStamp } from '../messages/time.js';
import { flowToRgb } from '../report/flow.js';
import { commandMessage } from '../robots/ros2/commandMessage.js';
import type { Publication } from '../robots/ros2/rosNode.js';
import type { Tap, Tick } from '../tap.js';
import { attentionMap, attentionToRgb } from './attention.js';
import type { NodeGraph } from './graph.js';

const IMAGE = 'sensor_msgs/msg/Image';
const TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory';

interface Picture {
  readonly publication: Publication;
  readonly camera: string;
  /** Of what it is drawn from. */
  readonly outputs: readonly string[];
  draw(views: readonly View[]): Drawing | undefined;
}

interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export class Views implements Tap {
  /** Changes with who listens; every inference fetches what is in it by then. */
  readonly views: string[] = [];
  readonly #pictures: readonly Picture[];
  readonly #horizon: Publication;
  readonly #joints: readonly JointSpec[];
  readonly #period: number;

  constructor(graph: Pick<NodeGraph, 'advertise'>, contract: RobotContract, bundle: PolicyBundle) {
    this.#joints = contract.joints;
    this.#period = 1 / contract.commandRateHz;
    this.#pictures = [...flowPictures(graph, bundle), ...attentionPictures(graph, bundle)];
    this.#horizon = graph.advertise(TRAJECTORY, '~/horizon', 'reliable');
    this.#look();
  }

  /** Whether somebody wants to see the way ahead. */
  get wantsHorizon(): boolean {
    return this.#horizon.listeners > 0;
  }

  onTick(tick: Tick): void {
    this.#look();
    if (this.views.length === 0 && !this.wantsHorizon) return;
    setImmediate(() => {
      this.#publishPictures(tick);
      if (tick.command.horizon && this.wantsHorizon) this.#publishHorizon(tick.command);
    });
  }

  close(): void {
    this.views.length = 0;
    for (const { publication } of this.#pictures) publication.close();
    this.#horizon.close();
  }

  #look(): void {
    const wanted = new Set(
      this.#pictures.flatMap(({ publication, outputs }) => (publication.listeners > 0 ? outputs : [])),
    );
    this.views.splice(0, this.views.length, ...wanted);
  }

  #publishPictures({ inference }: Tick): void {
    if (!inference) return;
    for (const { publication, camera, outputs, draw } of this.#pictures) {
      if (publication.listeners === 0) continue;
      const views = outputs.map((output) => inference.views.get(output)).filter((view) => view !== undefined);
      // Who has just begun to listen waits for the next inference.
      if (views.length < outputs.length) continue;
      const drawing = draw(views);
      if (drawing) publication.publish(imageMessage(drawing, camera, inference.chunk.time));
    }
  }

  #publishHorizon(command: Tick['command']): void {
    const joints = {
      indices: [...this.#joints.keys()],
      // In the policy's own names and units: it is for people.
      ros: this.#joints.map(({ name }) => ({ name, scale: 1, offset: 0 })),
    };
    this.#horizon.publish(commandMessage(TRAJECTORY, joints, command, { period: this.#period }));
  }
}

type FlowSpec = Extract<ViewSpec, { kind: 'flow' }>;
type AttentionSpec = Extract<ViewSpec, { kind: 'attention' }>;

function flowPictures(graph: Pick<NodeGraph, 'advertise'>, { views }: PolicyBundle): Picture[] {
  const flows = views.filter((view): view is FlowSpec => view.kind === 'flow');
  return flows.map(({ output, camera }) => ({
    publication: graph.advertise(IMAGE, `~/optical_flow/${topicPart(camera)}`, 'sensor_data'),
    camera,
    outputs: [output],
    draw: ([view]) => {
      const [, , height = 0, width = 0] = view?.shape ?? [];
      // As much as the policy's own range, in its units of range.
      return view && { width, height, data: flowToRgb(view.data, height, width, FULL_FLOW) };
    },
  }));
}
/** The flow, as a share of the view's range, that is drawn in full colour: what is usual is far below the range. */
const FULL_FLOW = 0.2;

function attentionPictures(graph: Pick<NodeGraph, 'advertise'>, { views, cameras }: PolicyBundle): Picture[] {
  const all = views.filter((view): view is AttentionSpec => view.kind === 'attention');
  return cameras.flatMap(({ name: camera, width, height, inputs }): Picture[] => {
    const on = all.filter(({ source }) => source === camera);
    const [first] = on;
    if (!first) return [];
    return [
      {
        publication: graph.advertise(IMAGE, `~/attention/${topicPart(camera)}`, 'sensor_data'),
        camera,
        outputs: [inputs.current, ...on.map(({ output }) => output)],
        draw: ([image, ...views]) => {
          if (!image) return undefined;
          const seen = { width, height, data: image.data };
          return { width, height, data: attentionToRgb(attentionMap(views), first.grid, seen) };
        },
      },
    ];
  });
}

/** A camera's name as a part of a topic's. */
function topicPart(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
}

function imageMessage({ width, height, data }: Drawing, camera: string, time: number): Uint8Array {
  return encode(IMAGE, {
    header: { stamp: toStamp(time), frame_id: camera },
    height,
    width,
    encoding: 'rgb8',
    is_bigendian: 0,
    step: 3 * width,
    data,
  });
}
