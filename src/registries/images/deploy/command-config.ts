/** `command`: a program of this machine deploys. Defined in the config file only. */
import { z } from 'zod'
import { duration, secret } from '../../../kernel/settings.ts'

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is no name of a variable')
  .refine((name) => !/^DEPLOY_/i.test(name), 'begins with DEPLOY_, which are set for each deploy\ntake another name')

/** No argument and no value of a variable can hold it. */
const withoutNul = (text: string) => !text.includes('\0')

export const commandDeployer = z.strictObject({
  command: z
    .array(z.string())
    .min(1)
    .refine(([program]) => program !== '', 'names no program')
    .refine((words) => words.every(withoutNul), 'holds a zero byte')
    .describe('Program and arguments, as they are: no shell reads them. Which version it is about stands in DEPLOY_*'),
  cwd: z.string().min(1).optional().describe('Folder that it runs in; default: that of the config file'),
  env: z
    .record(variable, secret().refine(withoutNul, 'holds a zero byte'))
    .default({})
    .describe('Variables that it is given; their values are taken out of what it prints'),
  pass_env: z
    .array(variable)
    .default(['PATH', 'HOME', 'LANG', 'TZ'])
    .describe('Variables of Regista that it is given too; no others are'),
  timeout: duration({ least: 1000, most: 86_400_000 }).optional().describe('How long it may run; 10m'),
  kill_after: duration({ least: 0, most: 60_000 })
    .optional()
    .describe('Between SIGTERM and SIGKILL, when its time is over or Regista stops; 10s'),
  output: z.int().min(0).max(65_536).default(8192).describe('Bytes of the end of what it prints that are kept'),
})

export type CommandDeployerConfig = z.infer<typeof commandDeployer>
