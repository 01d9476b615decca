import type { CodeRequest, Interaction, KeyWait, PinRequest } from '../../src/auth/interaction.ts'
import type { CodeSent, MethodChoice, StepUpOperation, VerificationMethod } from '../../src/contract/schemas.ts'

/** What the person does at each prompt: a method, a secret, or breaking off; `resend` asks for another code. */
export type Act = string | Error | { readonly resendThen: string }

/** A person who follows a script. What they are shown, and asked, is in `log`. */
export class ScriptedInteraction implements Interaction {
  readonly log: string[] = []
  canRetry = true
  isInteractive = true
  /** The PIN that a script supplies; a person is asked when there is none. */
  suppliedPin: string | undefined
  readonly breaking = new AbortController()
  readonly signal = this.breaking.signal
  /** Called when a key is shown to wait for something. */
  whenKeyWaits: (state: KeyWait) => void = () => {}
  private readonly acts: Act[]

  constructor(...acts: Act[]) {
    this.acts = acts
  }

  private async next(prompt: string): Promise<Act> {
    const act = this.acts.shift()
    if (act === undefined) throw new Error(`the script has no answer to: ${prompt}`)
    this.log.push(prompt)
    if (act instanceof Error) throw act
    return act
  }

  private async text(prompt: string): Promise<string> {
    const act = await this.next(prompt)
    if (typeof act !== 'string') throw new Error(`the script has no text for: ${prompt}`)
    return act
  }

  async chooseMethod(
    methods: readonly MethodChoice[],
    why: 'login' | 'second_factor' | StepUpOperation,
  ): Promise<VerificationMethod> {
    const names = methods.map(({ method }) => method)
    const chosen = await this.text(`choose for ${why}: ${names.join(' ')}`)
    const method = names.find(name => name === chosen)
    if (!method) throw new Error(`${chosen} is not offered`)
    return method
  }

  password(): Promise<string> {
    return this.text('password')
  }

  recoveryCode(): Promise<string> {
    return this.text('recovery code')
  }

  async pinSource(): Promise<'script' | 'person' | 'nowhere'> {
    if (this.suppliedPin !== undefined) return 'script'
    return this.isInteractive ? 'person' : 'nowhere'
  }

  async pin({ key, triesLeft }: PinRequest): Promise<string> {
    this.canRetry = this.suppliedPin === undefined
    if (this.suppliedPin !== undefined) return this.suppliedPin
    return this.text(`PIN of ${key}${triesLeft === undefined ? '' : `, ${triesLeft} left`}`)
  }

  async code(request: CodeRequest, sent?: CodeSent, resend?: () => Promise<CodeSent>): Promise<string> {
    const prompt = `code for ${request.purpose} by ${request.channel} to ${request.destination || 'nobody'}`
    const act = await this.next(`${prompt}${sent ? `, again from ${sent.resend_at}` : ''}`)
    if (typeof act === 'string') return act
    if (act instanceof Error || !resend) throw new Error('nothing to send again')
    await resend()
    return act.resendThen
  }

  refused(error: Error, remaining: readonly MethodChoice[]): void {
    const code = 'code' in error ? error.code : error.name
    this.log.push(`refused ${code}; left: ${remaining.map(({ method }) => method).join(' ')}`)
  }

  event(name: string, members: Readonly<Record<string, unknown>>): void {
    this.log.push(`event ${name} ${JSON.stringify(members)}`)
  }

  codeSent(sent: CodeSent, purpose: CodeRequest['purpose']): void {
    this.log.push(`sent for ${purpose} to ${sent.destination}`)
  }

  keyPassedOver(error: Error, keyName: string): void {
    this.log.push(`passed over ${keyName}: ${'code' in error ? error.code : error.name}`)
  }

  keyWaiting(state: KeyWait, keyName?: string): () => void {
    this.log.push(`key waits: ${state}${keyName ? ` ${keyName}` : ''}`)
    this.whenKeyWaits(state)
    return () => this.log.push(`key waits no more: ${state}`)
  }

  /** @throws {Error} when the person had more to say. */
  verifyAllSaid(): void {
    if (this.acts.length > 0) throw new Error(`${this.acts.length} acts of the script are left`)
  }
}
