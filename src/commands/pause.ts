import type { Command } from 'commander'
import { openClient, segment } from './client.ts'
import { examples, exitCodes, show, type Act, type Declare } from './command.ts'

interface State {
  readonly sync: string
  readonly state: string
}

export const declarePause: Declare = (program, act) => {
  declareAction(program, act, 'pause', 'Change nothing at the targets of a sync until it is resumed')
}

export const declareResume: Declare = (program, act) => {
  declareAction(program, act, 'resume', 'Let a paused sync go on')
}

function declareAction(program: Command, act: Act, action: 'pause' | 'resume', description: string): void {
  program
    .command(`${action} <sync...>`)
    .description(description)
    .addHelpText('after', examples([`regista ${action} catalog`, 'one sync; several may be named']))
    .action(
      act(async (run, syncs: string[]) => {
        await using client = await openClient(run)
        const states: State[] = []
        for (const sync of syncs) states.push(await client.post<State>(`/api/v1/syncs/${segment(sync)}/${action}`))
        show(
          run,
          [
            { name: 'SYNC', value: (row: State) => row.sync },
            { name: 'STATE', value: (row: State) => row.state },
          ],
          states,
        )
        return exitCodes.ok
      }),
    )
}
