import packageJson from '../../package.json' with { type: 'json' }

/** The version of this program, from package.json at build time. */
export const { version } = packageJson
