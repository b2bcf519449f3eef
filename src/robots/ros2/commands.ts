/** Sends joint commands to the contract's controllers, and sees to it that nobody else does. */
import { type RobotContract, rosJoint } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { commandTopics } from '../../messages/joints.js';
import type { JointCommand } from '../robot.js';
import { type CommandedJoints, commandMessage } from './commandMessage.js';
import type { RosGraph } from './graph.js';
import type { Publication } from './rosNode.js';

interface Controller {
  readonly topic: string;
  readonly type: RobotContract['commands'][number]['type'];
  readonly joints: CommandedJoints;
  readonly publication: Publication;
}

export class Commands {
  readonly #graph: RosGraph;
  readonly #period: number;
  readonly #controllers: readonly Controller[];
  #previous: Float32Array | undefined;

  constructor(graph: RosGraph, contract: RobotContract) {
    this.#graph = graph;
    this.#period = 1 / contract.commandRateHz;
    const indices = commandTopics(contract).map(({ joints }) => joints);
    this.#controllers = contract.commands.map(({ topic, type }, c) => ({
      topic,
      type,
      joints: { indices: indices[c], ros: indices[c].map((j) => rosJoint(contract.joints[j])) },
      publication: graph.advertise(type, topic, 'reliable'),
    }));
  }

  /** Every message is made before the first is sent: several arms move together or not at all. */
  send(command: JointCommand): void {
    const context = { period: this.#period, previous: this.#previous };
    const messages = this.#controllers.map(({ type, joints }) =>
      commandMessage(type, joints, command, context),
    );
    messages.forEach((message, c) => {
      this.#controllers[c].publication.publish(message);
    });
    this.#previous = command.positions;
  }

  /** A new episode: the arm stands still. */
  begin(): void {
    this.#previous = undefined;
  }

  /** Others who send commands to the same controllers: `/teleop on /joint_commands`. */
  rivals(): string[] {
    return this.#controllers.flatMap(({ topic }) => {
      const nodes = this.#graph.publishers(topic).map(({ node }) => node);
      // This one publishes once; another of its name is somebody else, a node started twice.
      const own = nodes.indexOf(this.#graph.name);
      return nodes.filter((_, i) => i !== own).map((node) => `${node} on ${topic}`);
    });
  }

  /** Topics of controllers that nobody has heard of. */
  unheard(): string[] {
    return this.#controllers
      .filter(({ publication }) => publication.listeners === 0)
      .map(({ topic }) => topic);
  }

  /** @throws UserError naming them */
  refuseRivals(): void {
    const rivals = this.rivals();
    if (rivals.length > 0)
      throw new UserError(
        `somebody else commands this robot: ${rivals.join(', ')}; stop it, for two commanders make the arm jump`,
      );
  }

  close(): void {
    for (const { publication } of this.#controllers) publication.close();
  }
}
