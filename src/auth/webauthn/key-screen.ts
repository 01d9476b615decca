import type { Interaction, KeyWait } from '../interaction.ts'

/** What security keys are waited for, on the screen: one line at a time. */
export class KeyScreen {
  private readonly interaction: Interaction
  private shown: { readonly state: KeyWait; readonly key: string | undefined; takeAway(): void } | undefined

  constructor(interaction: Interaction) {
    this.interaction = interaction
  }

  show(state: KeyWait, key?: string): void {
    if (this.shown?.state === state && this.shown.key === key) return
    this.hide()
    this.shown = { state, key, takeAway: this.interaction.keyWaiting(state, key) }
  }

  hide(): void {
    this.shown?.takeAway()
    this.shown = undefined
  }

  /** Has `say` write while nothing else is on its line. Where nobody is at a screen, each line stays as it is. */
  aside(say: () => void): void {
    const shown = this.interaction.isInteractive ? this.shown : undefined
    if (shown) this.hide()
    say()
    if (shown) this.show(shown.state, shown.key)
  }
}
