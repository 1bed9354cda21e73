/** The collector: statuses that are posted, brought into a registry file through one pull request. */
import type { DropIn } from '../../../drop-in.ts'
import { holds } from '../../../engine/tables.ts'
import type { Ms } from '../../../kernel/clock.ts'
import { openHttp, openIdentityFile } from '../../../registries/claims/drop-in.ts'
import { createAccess, readTokens, type Access } from './access.ts'
import { openCluster } from './cluster.ts'
import { mostBytes, openCollector, stopBound, sync } from './collector.ts'
import { openDoor } from './door.ts'
import { random, untilSignal, type RoleTask } from './role.ts'
import type { ServerSettings } from './server-settings.ts'

/** As `regista serve` keeps them. */
const history: Ms = 90 * 86_400_000
const retainEvery: Ms = 3_600_000

export async function runServer(settings: ServerSettings, task: RoleTask): Promise<void> {
  {
    await using stack = new AsyncDisposableStack()
    const opened = await openCollector(settings, task, stack)
    // Read before anybody is answered.
    await opened.statuses.clusters()
    const access = await openAccess(settings, task, stack)
    const door = await openDoor({ ...opened, access, settings, task, sync, mostBytes })
    stack.defer(() => door.close(stopBound))
    await release(opened.dropIn, settings.allowDeletes, task)
    opened.dropIn.engine.start()
    void retain(opened.dropIn, task)
    await untilSignal(task)
  }
  task.log.print('server stopped')
}

/** null: everybody may do everything. */
async function openAccess(
  { tokensFile, identitiesFile: file, kubeconfig, caFile }: ServerSettings,
  { env, clock, log }: RoleTask,
  stack: AsyncDisposableStack,
): Promise<Access | null> {
  const tokens = tokensFile === null ? null : readTokens(tokensFile, { clock, log })
  if (file === null) return tokens && createAccess(tokens, null)
  const http = await openHttp({ env, clock, caFile })
  stack.defer(() => http.close())
  const kubernetes = async () => {
    const opened = await openCluster({ settings: { kubeconfig, context: null }, env, clock, random })
    stack.defer(() => opened.close())
    return opened
  }
  return createAccess(tokens, await openIdentityFile(file, { http, clock, kubernetes, base: process.cwd() }))
}

async function release({ journal, engine }: DropIn, most: number, { log }: RoleTask): Promise<void> {
  if (most === 0) return
  const removals = { sync, state: 'held', op: 'delete' } as const
  for (const { id, key } of await journal.select(holds, { where: removals, limit: most })) {
    await engine.release(id, 'COLLECTOR_ALLOW_DELETES')
    log.tell('INFO', 'removal is allowed', { key })
  }
}

async function retain({ journal }: DropIn, { clock, signal, log }: RoleTask): Promise<void> {
  while (!signal.aborted) {
    try {
      await journal.retain(clock.now() - history)
    } catch (error) {
      if (!signal.aborted) log.tell('WARN', 'old history could not be dropped', { error })
    }
    await clock.sleep(retainEvery, signal)
  }
}
