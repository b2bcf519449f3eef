/**
 * Loaded into Saccade's process before it starts (`node --import`): writes down when images arrive, the policy runs
 * and commands go out, by standing in for the functions of rclnodejs, worker_threads and onnxruntime that do these
 * things. Saccade itself knows nothing of it.
 *
 * SACCADE_TRACE names the file. Its lines, times in ns of the monotonic clock:
 *
 *     image,CAMERA,LEVEL,BEGIN,END     a subscription's callback; LEVEL is the grey that is painted into the image
 *     ask,BEGIN,END                    an observation is handed to the inference thread
 *     run,LEVEL,LEVEL,LEVEL,BEGIN,END  session.run on it
 *     reply,TIME                       its chunk is back on the loop's thread
 *     publish,BEGIN,END                a command
 */
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';

const CAMERAS = ['/wrist_detail/image_raw', '/wrist_context/image_raw', '/head/image_raw'];
const COMMANDS = '/joint_commands';
const PIXELS = 3 * 640 * 480;
/** Inside the painted corner's first row, however a message is padded at its end. */
const PAINTED = 30;

const require = createRequire(process.argv[1]);
const load = (file) => import(pathToFileURL(file).href);
const now = () => process.hrtime.bigint();

let lines = '';
const write = (...fields) => {
  lines += `${fields.join(',')}\n`;
};
const flush = () => {
  if (lines !== '') appendFileSync(process.env.SACCADE_TRACE, lines);
  lines = '';
};
setInterval(flush, 1000).unref();
process.on('exit', flush);

if (isMainThread) {
  // What `import` gets of it is another file than what `require` gets.
  const { Node } = (await load(join(dirname(require.resolve('rclnodejs/package.json')), 'dist/index.js'))).default;
  replace(Node.prototype, 'createSubscription', (original) => function (type, topic, options, callback, ...rest) {
    const camera = CAMERAS.indexOf(topic);
    // rclnodejs asks a callback's length whether it wants more than the message.
    const traced = (message) => {
      const began = now();
      callback(message);
      write('image', camera, message[message.length - PIXELS + PAINTED], began, now());
    };
    return original.call(this, type, topic, options, camera < 0 ? callback : traced, ...rest);
  });
  replace(Node.prototype, 'createPublisher', (original) => function (type, topic, ...rest) {
    const publisher = original.call(this, type, topic, ...rest);
    if (topic === COMMANDS)
      replace(publisher, 'publish', (publish) => function (message) {
        const began = now();
        publish.call(this, message);
        write('publish', began, now());
      });
    return publisher;
  });
  replace(Worker.prototype, 'postMessage', (original) => function (message, ...rest) {
    const began = now();
    original.call(this, message, ...rest);
    if (message.type === 'run') write('ask', began, now());
  });
  process.on('worker', (worker) =>
    worker.on('message', (message) => {
      if (message.type === 'done') write('reply', now());
    }),
  );
} else {
  const { InferenceSession } = await load(require.resolve('onnxruntime-node'));
  replace(InferenceSession.prototype, 'run', (original) => async function (...args) {
    const began = now();
    const results = await original.apply(this, args);
    const ended = now();
    write('run', ...results.action.data.subarray(0, CAMERAS.length), began, ended);
    return results;
  });
}

function replace(object, name, by) {
  object[name] = by(object[name]);
}
