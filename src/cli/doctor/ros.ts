/** ROS 2: sourced, its client library built for it, and the code of our interfaces generated. */
import { requireInterfaces } from '../../robots/ros2/connect.js';
import { type Finding, ok, reason, warn } from './check.js';

/** Of msg/, srv/ and action/. */
const INTERFACES = [
  'saccade/msg/EpisodeResult',
  'saccade/msg/EpisodeStatus',
  'saccade/srv/ResetEpisode',
  'saccade/action/RunEpisodes',
];

const NEEDED = 'only the ROS 2 node, `saccade record` and `saccade sim-robot` need it';

export async function checkRos(environment: NodeJS.ProcessEnv = process.env): Promise<Finding[]> {
  const { ROS_DISTRO, AMENT_PREFIX_PATH, RMW_IMPLEMENTATION, ROS_DOMAIN_ID } = environment;
  if (!ROS_DISTRO || !AMENT_PREFIX_PATH)
    return [warn('ros 2', 'not sourced', `\`source /opt/ros/jazzy/setup.bash\` in this shell; ${NEEDED}`)];
  const prefixes = AMENT_PREFIX_PATH.split(':').length;
  const rmw = RMW_IMPLEMENTATION ?? 'the default middleware';
  const sourced = `${ROS_DISTRO}, ${prefixes} ${prefixes === 1 ? 'prefix' : 'prefixes'}, ${rmw}, domain ${ROS_DOMAIN_ID ?? 0}`;
  return [ok('ros 2', sourced), await checkClient()];
}

async function checkClient(): Promise<Finding> {
  try {
    await requireInterfaces(INTERFACES);
    return ok('rclnodejs', `loads, and has saccade's ${INTERFACES.length} interfaces`);
  } catch (error) {
    const [finding = '', ...advice] = reason(error).split(': ');
    return warn('rclnodejs', finding, advice.join(': ') || NEEDED);
  }
}
