/** What the simulated robot needs of a ROS 2 node; a `RosNode` has it. */

export type Qos = 'sensor_data' | 'reliable';

export interface Publication {
  publish(cdr: Uint8Array): void;
  readonly listeners: number;
}

export interface Graph {
  advertise(type: string, topic: string, qos: Qos): Publication;
  listen(type: string, topic: string, qos: Qos, onMessage: (cdr: Uint8Array) => void): object;
  offerService<Request, Response extends object>(
    type: string,
    name: string,
    onCall: (request: Request) => Promise<Response>,
  ): void;
}
