import { resolve } from 'node:path'
import { AppError } from '../kernel/errors.ts'
import { counted, examples, exitCodes, printJson, type Declare, type Run } from './command.ts'
import { readConfig } from './configuration.ts'
import { withProgress } from './progress.ts'

export const declareRestore: Declare = (program, act) => {
  program
    .command('restore <file>')
    .description('Put a backup in the place of the embedded database; nobody may serve meanwhile')
    .option('--force', 'Replace the database that is there; it is kept beside under another name', false)
    .addHelpText(
      'after',
      examples(
        ['regista restore /backups/regista-2026-11-21.db', 'into an empty state folder'],
        ['regista restore backup.db --force', 'over what is there'],
      ),
    )
    .action(act(restoreFrom))
}

async function restoreFrom(run: Run, file: string, { force }: { readonly force: boolean }): Promise<number> {
  const config = await readConfig(run)
  if (config.database !== null) {
    throw new AppError('request.invalid', 'the state is in PostgreSQL: restore it with pg_restore')
  }
  const { restore } = await import('../app.ts')
  const work = restore({ from: resolve(file), folder: config.state, force, clock: run.clock })
  const report = await withProgress(run, 'checking and copying', work)
  if (run.globals.output === 'json') printJson(run.terminal, report)
  else run.terminal.out(`${report.file}: ${counted(report.events, 'event')}, the newest is ${report.seq}\n`)
  if (report.replaced !== null) run.terminal.err(`What was there is now ${report.replaced}\n`)
  return exitCodes.ok
}
