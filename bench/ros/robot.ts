/**
 * The robot of the bench: three cameras and joint states, published from one process as fast as they are due.
 * Messages are encoded beforehand; only stamp and number are written into them.
 *
 *     vite-node bench/ros/robot.ts LOG JOINT…
 *
 * LOG gets a line an image: set, camera, stamp (ns), ms that publishing it took. Ends at the end of stdin.
 */
import { createWriteStream } from 'node:fs';
import { encode } from '../../src/messages/cdr.js';
import { Random } from '../../src/random.js';
import { connect } from '../../src/robots/ros2/connect.js';
import { CAMERA_HZ, CAMERAS, HEIGHT, imageTopic, JOINTS_HZ, LEVELS, PAINTED, WIDTH } from './setup.js';

const [logFile = '', ...joints] = process.argv.slice(2);
const node = await connect('bench_robot', { simTime: false });
const log = createWriteStream(logFile);
const header = { stamp: { sec: 0, nanosec: 0 }, frame_id: 'robot' };

const cameras = CAMERAS.map(({ name }, c) => {
  const data = texture(c);
  const image = {
    header,
    height: HEIGHT,
    width: WIDTH,
    encoding: 'rgb8',
    is_bigendian: 0,
    step: 3 * WIDTH,
    data,
  };
  const cdr = encode('sensor_msgs/msg/Image', image);
  const pixels = cdr.subarray(cdr.length - data.length);
  return { cdr, pixels, out: node.advertise('sensor_msgs/msg/Image', imageTopic(name), 'sensor_data') };
});
const state = encode('sensor_msgs/msg/JointState', {
  header,
  name: joints,
  position: new Float64Array(joints.length),
  velocity: new Float64Array(),
  effort: new Float64Array(),
});
const states = node.advertise('sensor_msgs/msg/JointState', '/joint_states', 'reliable');

every(CAMERA_HZ, (n) => {
  cameras.forEach(({ cdr, pixels, out }, camera) => {
    for (let y = 0; y < PAINTED; y++) {
      const row = 3 * WIDTH * y;
      pixels.fill(n % LEVELS, row, row + 3 * PAINTED);
    }
    const stamp = stampNow(cdr);
    const began = performance.now();
    out.publish(cdr);
    log.write(`${n},${camera},${stamp},${(performance.now() - began).toFixed(3)}\n`);
  });
});
every(JOINTS_HZ, () => {
  stampNow(state);
  states.publish(state);
});

process.stdin.resume().once('end', () => {
  log.end(() => {
    node.close();
    process.exit();
  });
});

/** Writes the time into a message that starts with a header. @returns it, ns */
function stampNow(cdr: Uint8Array): bigint {
  const now = node.now();
  const view = new DataView(cdr.buffer, cdr.byteOffset);
  view.setInt32(4, Number(now / 1_000_000_000n), true);
  view.setUint32(8, Number(now % 1_000_000_000n), true);
  return now;
}

/** Calls `due` with n at n/hz s, as well as timers can. */
function every(hz: number, due: (n: number) => void): void {
  const began = performance.now();
  const next = (n: number) =>
    setTimeout(
      () => {
        due(n);
        next(n + 1);
      },
      Math.max(0, began + (1000 * n) / hz - performance.now()),
    );
  next(0);
}

function texture(seed: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from(
    { length: 3 * WIDTH * HEIGHT },
    (_, i) => 110 + 60 * Math.sin(i / 700) + random.uniform(-9, 9),
  );
}
