/** What holds for every deployer, whatever it deploys to. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AppError } from '../../../../kernel/errors.ts'
import type { Deployer, DeployRequest, DeployTools } from '../deployer.ts'
import { follow } from './releases.ts'

export interface DeployerGround {
  open(): Deployer
  request(tag: string): DeployRequest
  /** Lets the other side go on. */
  turn(): Promise<void>
  /** How often it was made to deploy this tag: rollouts, runs, requests under another key. */
  effects(tag: string): Promise<number>
  dispose(): Promise<void>
}

const never = new AbortController().signal
const tools = (more: Partial<DeployTools> = {}): DeployTools => ({
  handle: null,
  say: () => {},
  fence: () => {},
  ...more,
})

/** Rejected, or failed: either way nothing was done. */
async function unfinished(work: Promise<{ readonly is: string }>): Promise<void> {
  const end = await work.catch((thrown: unknown) => ({ is: 'failed', thrown }))
  assert.equal(end.is, 'failed', JSON.stringify(end))
}

export function deployerContract(
  name: string,
  start: () => Promise<DeployerGround>,
  { skip = false }: { readonly skip?: string | false } = {},
): void {
  suite(`deployer: ${name}`, { skip }, () => {
    const on = (title: string, run: (ground: DeployerGround, deployer: Deployer) => Promise<void>) => {
      void test(title, async () => {
        const ground = await start()
        const deployer = ground.open()
        try {
          await run(ground, deployer)
        } finally {
          await deployer.close()
          await ground.dispose()
        }
      })
    }

    on('deploys, one version after the other', async (ground, deployer) => {
      for (const tag of ['1', '2']) {
        const { result } = await follow(deployer, ground.request(tag), () => ground.turn())
        assert.equal(result.is, 'deployed', JSON.stringify(result))
        assert.deepEqual(JSON.parse(JSON.stringify(result)), result)
        assert.equal(await ground.effects(tag), 1)
      }
    })

    on('where repeating is keyed, another process that begins again has no second effect', async (ground, deployer) => {
      if (deployer.repeat === 'unsafe') return
      const request = ground.request('1')
      await deployer.deploy(request, tools(), never)
      const other = ground.open()
      assert.equal((await follow(other, request, () => ground.turn())).result.is, 'deployed')
      assert.equal((await follow(other, request, () => ground.turn())).result.is, 'deployed')
      assert.equal(await ground.effects('1'), 1)
      await other.close()
    })

    on('tells what it deployed, where it can look', async (ground, deployer) => {
      if (deployer.look === undefined) return
      const request = ground.request('1')
      await follow(deployer, request, () => ground.turn())
      const [running] = await ground.open().look!([request.stage], never)
      const { revision, tag } = request.release
      assert.deepEqual(running, { key: request.stage.key, revision, tag, owned: true })
    })

    on('does nothing without the lease, after an abort, and once it is closed', async (ground, deployer) => {
      const fence = () => {
        throw new AppError('journal.fenced', 'another replica has it')
      }
      await assert.rejects(deployer.deploy(ground.request('1'), tools({ fence }), never), { code: 'journal.fenced' })
      await unfinished(
        deployer.deploy(ground.request('1'), tools(), AbortSignal.abort(new AppError('aborted', 'test'))),
      )
      await deployer.close()
      await deployer.close()
      await unfinished(deployer.deploy(ground.request('1'), tools(), never))
      assert.equal(await ground.effects('1'), 0)
    })

    on('is the same thing each time it is opened', async (ground, deployer) => {
      const other = ground.open()
      assert.equal(other.fingerprint, deployer.fingerprint)
      assert.equal(await other.identity(never), await deployer.identity(never))
      assert.ok(deployer.bound > 0)
      await other.close()
    })
  })
}
