import { describe, expect, it } from 'vitest';
import { machine, machineText, parseGpus } from './machine.js';

describe('parseGpus', () => {
  it('reads what nvidia-smi lists', () => {
    expect(parseGpus('NVIDIA RTX 4090, 550.54.14, 24564 MiB\nNVIDIA H200, 550.54.14, 143771 MiB\n')).toEqual([
      { name: 'NVIDIA RTX 4090', driver: '550.54.14', memory: '24564 MiB' },
      { name: 'NVIDIA H200', driver: '550.54.14', memory: '143771 MiB' },
    ]);
    expect(parseGpus('')).toEqual([]);
  });
});

describe('machineText', () => {
  it('names processor, GPU and versions', async () => {
    const here = await machine();
    const gpus = [{ name: 'NVIDIA H200', driver: '550.54.14', memory: '143771 MiB' }];
    const text = machineText({ ...here, cpu: 'Xeon', cores: 2, gpus });
    expect(text).toMatch(
      /^Xeon, 2 cores; NVIDIA H200 \(driver 550\.54\.14\); Node \d+\.\S+, onnxruntime-node \d+\.\S+$/,
    );
    expect(machineText({ ...here, cores: 1, gpus: [] })).toContain('1 core; no NVIDIA GPU; ');
  });
});
