import { examples, exitCodes, printJson, type Declare } from './command.ts'
import { readConfig } from './configuration.ts'

export const declareValidate: Declare = (program, act) => {
  program
    .command('validate')
    .description('Check the configuration and everything that it names, without touching any target')
    .option('--schema', 'Print the JSON Schema of the configuration, for editors')
    .addHelpText(
      'after',
      examples(
        ['regista validate', 'every problem with file, line and next step'],
        ['regista validate -c prod.yaml --output json', 'the same for machines'],
        ['regista validate --schema > regista.schema.json', 'for an editor'],
      ),
    )
    .action(
      act(async (run, options: { schema?: true }) => {
        if (options.schema === true) {
          const [{ configJsonSchema }, { registries }] = await Promise.all([
            import('../config/json-schema.ts'),
            import('../registries/index.ts'),
          ])
          printJson(run.terminal, configJsonSchema(registries))
          return exitCodes.ok
        }
        const config = await readConfig(run)
        if (run.globals.output === 'json') printJson(run.terminal, { ok: true, file: config.file })
        else run.terminal.out(`${config.file} is valid.\n`)
        return exitCodes.ok
      }),
    )
}
