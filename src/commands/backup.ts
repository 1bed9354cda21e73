import { resolve } from 'node:path'
import { AppError } from '../kernel/errors.ts'
import { openClient } from './client.ts'
import { counted, examples, exitCodes, printJson, type Declare } from './command.ts'
import { withProgress } from './progress.ts'

interface BackupReport {
  readonly file: string
  readonly events: number
  readonly seq: number
}

export const declareBackup: Declare = (program, act) => {
  program
    .command('backup <file>')
    .description('Copy the embedded database into a new file, while work goes on, and check the copy')
    .addHelpText('after', examples(['regista backup /backups/regista-2026-11-21.db', 'readable by this user alone']))
    .action(
      act(async (run, file: string) => {
        await using client = await openClient(run)
        if (client.remote) throw new AppError('request.invalid', 'run `regista backup` on the machine that serves')
        const asked = client.post<BackupReport>('/api/v1/journal/backup', { file: resolve(file) })
        const report = await withProgress(run, 'copying', asked)
        if (run.globals.output === 'json') printJson(run.terminal, report)
        else run.terminal.out(`${report.file}: ${counted(report.events, 'event')}, the newest is ${report.seq}\n`)
        return exitCodes.ok
      }),
    )
}
