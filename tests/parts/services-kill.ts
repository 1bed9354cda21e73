/**
 * kill -9 of a server while services register, report, are revoked and brought back, again and again on one state:
 * what it acknowledged it still has when it is back, and the chain of events verifies.
 */
import { serveRegista, type Serving } from './regista.ts'
import { scratch } from './scratch.ts'
import { until } from './gitops-sync.ts'

const lanes = 8

/** Of one service: the status that was acknowledged last, and what was asked for since and not answered. */
interface Told {
  acknowledged: string
  asked: string | null
}

export interface KillTally {
  readonly kills: number
  readonly registrations: number
  readonly transitions: number
  readonly events: number
}

const config = `server: { port: 0 }
log: { level: warn }
services: { implicit: { policy: deny } }
`

/** Throws where anything that was acknowledged is lost, or the chain does not verify. */
export async function killServices(rounds: number, random: () => number): Promise<KillTally> {
  using state = scratch(config)
  const told = new Map<string, Told>()
  let [registrations, transitions] = [0, 0]
  const start = () => serveRegista(['-c', 'regista.yaml'], { cwd: state.folder })

  for (let round = 0; round < rounds; round += 1) {
    await using server = await start()
    await checkHeld(server, told)
    const before = registrations
    const working = Array.from({ length: lanes }, (_, lane) =>
      live(server.url, `${round}-${lane}`, told, {
        registered: () => (registrations += 1),
        moved: () => (transitions += 1),
      }),
    )
    await until('something was acknowledged', () => Promise.resolve(registrations > before))
    await new Promise((resolve) => setTimeout(resolve, random() * 150))
    await server.stop('SIGKILL')
    await Promise.all(working)
  }

  await using last = await start()
  await checkHeld(last, told)
  const verdict = (await ask(last.url, 'POST', '/api/admin/services/audit/verify', {})).body as {
    ok: boolean
    events: number
  }
  if (!verdict.ok) throw new Error(`the chain of events does not verify: ${JSON.stringify(verdict)}`)
  return { kills: rounds, registrations, transitions, events: verdict.events }
}

async function ask(url: string, method: string, path: string, body?: unknown) {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as unknown }
}

/** Registers one service after the other, and lets each report, be revoked, and be brought back; until the server is gone. */
async function live(
  url: string,
  name: string,
  told: Map<string, Told>,
  count: { readonly registered: () => void; readonly moved: () => void },
): Promise<void> {
  for (let serial = 0; ; serial += 1) {
    const id = `edge-${name}-${serial}`
    const one: Told = { acknowledged: 'none', asked: null }
    told.set(id, one)
    const step = async (status: string, method: string, path: string, body: unknown): Promise<boolean> => {
      one.asked = status
      const answer = await ask(url, method, path, body).catch(() => null)
      if (answer === null) return false
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      one.acknowledged = status
      one.asked = null
      return true
    }
    const place = `/api/admin/services/pollers/${id}`
    if (!(await step('pending', 'POST', '/api/admin/services/pollers', { poller_id: id }))) return
    count.registered()
    const steps = [
      () => step('active', 'POST', '/api/services/heartbeat', { service_type: 'poller', poller_id: id }),
      () => step('revoked', 'POST', `${place}/status`, { status: 'revoked', reason: 'test' }),
      () => step('active', 'POST', `${place}/status`, { status: 'active', reason: 'test' }),
    ]
    for (const next of steps.slice(0, serial % 4)) {
      if (!(await next())) return
      count.moved()
    }
  }
}

async function checkHeld(server: Serving, told: ReadonlyMap<string, Told>): Promise<void> {
  const has = new Map<string, string>()
  let cursor: string | null = null
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const { body } = await ask(server.url, 'GET', `/api/admin/services/pollers?limit=500${query}`)
    const page = body as { items: { poller_id: string; status: string }[]; next_cursor: string | null }
    for (const item of page.items) has.set(item.poller_id, item.status)
    cursor = page.next_cursor
  } while (cursor !== null)
  const lost = [...told].filter(([id, { acknowledged, asked }]) => {
    const status = has.get(id) ?? 'none'
    return status !== acknowledged && status !== asked
  })
  if (lost.length === 0) return
  const first = lost.slice(0, 5).map(([id, one]) => `${id} is ${has.get(id) ?? 'none'}, not ${one.acknowledged}`)
  throw new Error(`acknowledged, and lost: ${first.join('; ')}`)
}
