import type { Plan } from '../engine/engine.ts'
import type { Event, Verdict } from '../engine/journal.ts'
import { AppError, messageOf } from '../kernel/errors.ts'
import { openClient, segment, type Client } from './client.ts'
import { examples, exitCodes, show, type Declare, type Run } from './command.ts'
import { readConfig } from './configuration.ts'
import { checkMachine, type Check } from './machine.ts'
import { short } from './moment.ts'
import { notSeen } from './plan.ts'
import { withProgress } from './progress.ts'
import { chosenSyncs } from './syncs.ts'
import type { Column } from './table.ts'

export const declareDoctor: Declare = (program, act) => {
  program
    .command('doctor')
    .description('Check everything that Regista needs: machine, configuration, state, history, sources and targets')
    .addHelpText(
      'after',
      examples(
        ['regista doctor', 'exit code 1 when something fails; each with the next step'],
        ['regista doctor --url https://regista.example:8080', 'of a server elsewhere, as far as it can be asked'],
      ),
    )
    .action(act(doctor))
}

async function doctor(run: Run): Promise<number> {
  const checks: Check[] = []
  const remote = (run.globals.url ?? run.terminal.env['REGISTA_URL']) !== undefined
  if (!remote) checks.push(...(await local(run)))
  if (!checks.some(({ state }) => state === 'fail')) checks.push(...(await withProgress(run, 'looking', asked(run))))
  show(run, columns, checks)
  return checks.some(({ state }) => state === 'fail') ? exitCodes.failed : exitCodes.ok
}

/** What can be told without asking anybody. */
async function local(run: Run): Promise<Check[]> {
  try {
    const config = await readConfig(run)
    const named = [...config.sections.keys()].join(', ') || 'no registry'
    return [...checkMachine(config.state), { check: 'configuration', state: 'ok', detail: `${config.file}: ${named}` }]
  } catch (thrown) {
    const next = '`regista validate` lists every problem'
    return [{ check: 'configuration', state: 'fail', detail: messageOf(thrown).split('\n')[0]!, next }]
  }
}

/** What the process that holds the state says, or this one when nobody holds it. */
async function asked(run: Run): Promise<Check[]> {
  let client: Client
  try {
    client = await openClient(run)
  } catch (thrown) {
    const held = thrown instanceof AppError && thrown.code === 'journal.busy'
    const next = held ? 'end the process that is named, or wait until it answers' : 'see that it runs, and where'
    return [{ check: held ? 'holder' : 'database', state: 'fail', detail: messageOf(thrown), next }]
  }
  await using _ = client
  const holder: Check = client.alone
    ? { check: 'holder', state: 'ok', detail: 'nobody serves now', next: '`regista serve`' }
    : { check: 'holder', state: 'ok', detail: 'serves and answers' }
  const found = [await health(client), await history(client), await clock(run, client), ...(await ends(client))]
  return [holder, ...found]
}

async function health(client: Client): Promise<Check> {
  const { status, checks = [] } = await client.health()
  const failing = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail ?? 'failing'}`)
  // In this process nothing listens and nothing runs, which is as it should be for one command.
  if (status === 'ok' || (client.alone && failing.length === 0))
    return { check: 'database', state: 'ok', detail: 'reads and writes' }
  const next = 'see the log; a full disk mends itself once there is space'
  return { check: 'database', state: 'fail', detail: failing.join('; '), next }
}

async function history(client: Client): Promise<Check> {
  const verdict = await client.post<Verdict>('/api/v1/journal/verify')
  const check = 'history'
  if (verdict.ok)
    return { check, state: 'ok', detail: `${verdict.events} events, chain of ${verdict.blocks} blocks verifies` }
  const next = 'somebody changed the database; restore a backup that verifies'
  return { check, state: 'fail', detail: `broken at ${verdict.at}: ${verdict.why}`, next }
}

/** An event from the future: the clock was set back, or another replica's is ahead. */
async function clock(run: Run, client: Client): Promise<Check> {
  const [newest] = await client.list<Event>('/api/v1/events', {}, 1)
  const ahead = newest === undefined ? 0 : newest.at - run.clock.now()
  if (ahead < 5000) return { check: 'clock', state: 'ok', detail: 'behind no event' }
  const next = 'synchronise the clocks of all machines (chrony, systemd-timesyncd)'
  return { check: 'clock', state: 'warn', detail: `the newest event is ${short(ahead)} in the future`, next }
}

/** A plan looks at every source and target for real, and changes nothing. */
async function ends(client: Client): Promise<Check[]> {
  const syncs = await chosenSyncs(client, [])
  return Promise.all(
    syncs.map(async (sync): Promise<Check> => {
      const check = `sync ${sync}`
      try {
        const { looked } = await client.post<Plan>(`/api/v1/syncs/${segment(sync)}/plan`)
        const away = notSeen(looked)
        if (away.length > 0)
          return { check, state: 'fail', detail: away.join('; '), next: `\`regista status ${sync}\`` }
        const troubles = looked.entries.troubles
        const seen = `source and ${looked.targets.length} targets answer`
        if (troubles === 0) return { check, state: 'ok', detail: seen }
        const next = '`regista validate` names them'
        return { check, state: 'warn', detail: `${seen}; ${troubles} entries cannot be read`, next }
      } catch (thrown) {
        return { check, state: 'fail', detail: messageOf(thrown), next: `\`regista plan ${sync} --debug\`` }
      }
    }),
  )
}

const columns: readonly Column<Check>[] = [
  { name: 'CHECK', value: (row) => row.check },
  {
    name: 'STATE',
    value: (row) => row.state,
    style: (row) => (row.state === 'ok' ? 'green' : row.state === 'warn' ? 'yellow' : 'red'),
  },
  { name: 'DETAIL', value: (row) => row.detail },
  { name: 'NEXT', value: (row) => row.next },
]
