/**
 * Bodies of Firecracker's API as this driver uses them; names and meanings are those of its own description (firecracker.yaml). A test sends
 * every one of them through that description.
 */

/** `size` tokens at most, refilled evenly over `refill_time` ms; `one_time_burst` more at the start. */
interface TokenBucket {
  readonly size: number;
  readonly refill_time: number;
  readonly one_time_burst?: number;
}

/** Bytes and operations are limited independently. */
interface RateLimiter {
  readonly bandwidth?: TokenBucket;
  readonly ops?: TokenBucket;
}

export interface MachineConfig {
  readonly vcpu_count: number;
  readonly mem_size_mib: number;
  readonly smt?: boolean;
  /** Needed for diff snapshots that hold exactly what was written; costs a little on every first write to a page. */
  readonly track_dirty_pages?: boolean;
}

export interface BootSource {
  readonly kernel_image_path: string;
  readonly initrd_path?: string;
  readonly boot_args?: string;
}

export interface Drive {
  readonly drive_id: string;
  readonly path_on_host: string;
  readonly is_root_device: boolean;
  readonly is_read_only: boolean;
  readonly cache_type?: 'Unsafe' | 'Writeback';
  readonly io_engine?: 'Sync' | 'Async';
  readonly rate_limiter?: RateLimiter;
}

/** Another file behind a drive of a guest that runs: the guest is told of the new size. */
export interface DriveUpdate {
  readonly drive_id: string;
  readonly path_on_host?: string;
  readonly rate_limiter?: RateLimiter;
}

export interface Vsock {
  readonly guest_cid: number;
  readonly uds_path: string;
}

export interface NetworkInterface {
  readonly iface_id: string;
  readonly host_dev_name: string;
  readonly guest_mac?: string;
  readonly rx_rate_limiter?: RateLimiter;
  readonly tx_rate_limiter?: RateLimiter;
}

export interface Entropy {
  readonly rate_limiter?: RateLimiter;
}

export interface Balloon {
  readonly amount_mib: number;
  readonly deflate_on_oom: boolean;
  readonly stats_polling_interval_s?: number;
}

/** What the guest's balloon driver reports; absent fields are those that its kernel does not know. */
export interface BalloonStatistics {
  readonly target_mib: number;
  readonly actual_mib: number;
  readonly free_memory?: number;
  readonly total_memory?: number;
  readonly available_memory?: number;
  readonly oom_kill?: number;
}

export interface LoggerConfig {
  readonly log_path: string;
  readonly level?: 'Error' | 'Warning' | 'Info' | 'Debug' | 'Trace' | 'Off';
  readonly show_level?: boolean;
  readonly show_log_origin?: boolean;
}

export interface MetricsConfig {
  readonly metrics_path: string;
}

export interface SnapshotCreation {
  readonly snapshot_path: string;
  readonly mem_file_path: string;
  readonly snapshot_type?: 'Full' | 'Diff';
}

export interface SnapshotLoading {
  readonly snapshot_path: string;
  readonly mem_backend: { readonly backend_type: 'File' | 'Uffd'; readonly backend_path: string };
  readonly track_dirty_pages?: boolean;
  readonly resume_vm?: boolean;
}

export interface InstanceInfo {
  readonly id: string;
  readonly app_name: string;
  readonly state: 'Not started' | 'Running' | 'Paused';
  readonly vmm_version: string;
}
