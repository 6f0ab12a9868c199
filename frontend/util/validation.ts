import { config } from 'zod/v4/core';

/**
 * Schemas compile no code here: the dashboard's content security policy allows no eval, and Chromium reports even the
 * attempt that zod makes to find that out. To be imported before any module that makes a schema.
 */
config({ jitless: true });
