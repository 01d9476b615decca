import { spawnSync } from 'node:child_process'

/** More than `stty` ever takes, in milliseconds. */
const patience = 1_000

/**
 * Has the terminal at stdin show nothing of what is typed from now on: a PIN that is typed before its prompt stands
 * would be on the screen. Lines and Ctrl-C stay the terminal's own business, so that no key is lost. Node puts the
 * terminal back in order however the process ends, unless it is killed outright. Windows shows nothing of what is
 * typed ahead in any case.
 */
export function hideTyping(stdin: Pick<NodeJS.ReadStream, 'isTTY'>, platform: NodeJS.Platform): void {
  if (!stdin.isTTY || platform === 'win32') return
  spawnSync('stty', ['-echo'], { stdio: ['inherit', 'ignore', 'ignore'], timeout: patience })
}
