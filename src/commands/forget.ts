import { openClient, segment } from './client.ts'
import { examples, exitCodes, printJson, type Declare } from './command.ts'

interface ForgetOptions {
  readonly scope?: string
  readonly target?: string
}

export const declareForget: Declare = (program, act) => {
  program
    .command('forget <sync>')
    .description('End the keeping of a sync, scope or target that the configuration no longer names')
    .option('--scope <scope>', 'Only this scope: its entries count as gone and are removed at the targets')
    .option('--target <target>', 'Only this target: nothing is removed there')
    .addHelpText(
      'after',
      examples(
        ['regista forget catalog --target old-etcd', 'let go of a target; what it holds stays'],
        ["regista forget catalog --scope 'team/old'", 'remove what a directory held'],
        ['regista forget catalog', 'the whole sync; targets are left as they are'],
      ),
    )
    .action(
      act(async (run, sync: string, options: ForgetOptions) => {
        await using client = await openClient(run)
        const answer = await client.post<{ forgotten: number }>(`/api/v1/syncs/${segment(sync)}/forget`, options)
        if (run.globals.output === 'json') printJson(run.terminal, answer)
        else run.terminal.out(`${answer.forgotten} entries and deliveries forgotten\n`)
        return exitCodes.ok
      }),
    )
}
