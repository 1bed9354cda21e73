/** One deploy of one version, whatever races for it and wherever the process is killed. */
import { seededRandom } from '../src/engine/testing/seeded.ts'
import { raceImages } from '../tests/parts/images-race.ts'
import { sites } from '../tests/parts/images-sites.ts'
import type { Proof, Proofs } from './report.ts'

const seed = 2611

const race =
  (name: keyof typeof sites): Proof =>
  async (report, { long }) => {
    const runs = long ? 200 : 20
    await using site = await sites[name]()
    const raced = await raceImages({ runs, random: seededRandom(seed), site })
    const { amid, around, held, faults } = raced
    report({
      ok: raced.runs === runs && faults.length === 0 && amid >= runs / 10,
      figure: `${runs} runs, ${amid} killed amid a deploy, ${around} before or after, ${held} held for a person, ${faults.length} faults`,
      note:
        faults[0] ??
        `webhook twice, again under another id, and two looks that a person asks for, at once; seed ${seed}`,
    })
  }

export const proofs: Proofs = {
  'images.race-webhook': race('webhook'),
  'images.race-command': race('command'),
  'images.race-docker': race('docker'),
  'images.race-kubernetes': race('kubernetes'),
}
