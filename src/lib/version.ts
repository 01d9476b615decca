/** Set by the build, from package.json. */
declare const HUFU_VERSION: string

/** The version of this program; `development` where it runs unbuilt. */
export const version: string = typeof HUFU_VERSION === 'string' ? HUFU_VERSION : 'development'
