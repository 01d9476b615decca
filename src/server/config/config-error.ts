/** A mistake in the configuration: what is wrong, where, and what it should be. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConfigError'
  }
}
