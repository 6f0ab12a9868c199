/** Small JSON texts of the installation, by name; for what has no rows. */
export interface DocumentStore {
  get(name: string): Promise<string | undefined>;
  /** Creates or replaces. */
  put(name: string, body: string): Promise<void>;
}
