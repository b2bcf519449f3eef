import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/support/cli.js';
import { findBags } from './findBags.js';

const tmp = temporaryFolder();

function bag(...parts: string[]): string {
  const dir = join(tmp, ...parts);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'metadata.yaml'), '');
  writeFileSync(join(dir, 'x_0.mcap'), '');
  return dir;
}

const [a2, a1] = [bag('a', 'bags', 'episode_2'), bag('a', 'bags', 'episode_1')];
const b1 = bag('b', 'bags', 'episode_1');
mkdirSync(join(tmp, 'a', 'bags', 'notes'));
const cut = join(tmp, 'cut');
mkdirSync(cut);
writeFileSync(join(cut, 'cut_0.db3.zstd'), '');

describe('findBags', () => {
  it('takes bags as they are named, folders for the bags in them, and each once', async () => {
    expect(await findBags([b1])).toEqual([{ path: b1, name: 'episode_1' }]);
    expect(await findBags([join(tmp, 'a', 'bags'), a1])).toEqual([
      { path: a1, name: 'episode_1' },
      { path: a2, name: 'episode_2' },
    ]);
    expect(await findBags([join(a1, 'x_0.mcap')])).toEqual([
      { path: join(a1, 'x_0.mcap'), name: 'x_0.mcap' },
    ]);
  });

  it("takes a run's folder for its bags", async () => {
    expect(await findBags([join(tmp, 'b')])).toEqual([{ path: b1, name: 'episode_1' }]);
  });

  it('takes a folder that has lost its metadata for the bag that it is', async () => {
    expect(await findBags([cut])).toEqual([{ path: cut, name: 'cut' }]);
  });

  it('names bags by as much of their paths as tells them apart', async () => {
    const found = await findBags([join(tmp, 'b', 'bags'), join(tmp, 'a', 'bags')]);
    expect(found.map(({ name }) => name)).toEqual([
      'b/bags/episode_1',
      'a/bags/episode_1',
      'a/bags/episode_2',
    ]);
  });

  it('says where no bag is', async () => {
    await expect(findBags([join(tmp, 'none')])).rejects.toThrow(/^bag .*none does not exist$/);
    await expect(findBags([join(a1, 'metadata.yaml')])).rejects.toThrow(
      /is not a bag: name a rosbag2 folder/,
    );
    await expect(findBags([join(tmp, 'a', 'bags', 'notes')])).rejects.toThrow(
      /notes is neither a bag nor a folder with bags in it$/,
    );
  });
});
