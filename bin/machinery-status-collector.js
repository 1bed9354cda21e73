#!/usr/bin/env node
import { launch } from './launch.js'

await launch('commands/drop-in/machinery-status-collector')
