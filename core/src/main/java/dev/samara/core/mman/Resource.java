// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The limits ({@code getrlimit(2)}) that memory calls check, and one limit that Linux has only for cgroups. Each is a
 * soft limit in bytes.
 */
public enum Resource {
    /** {@code RLIMIT_AS}: address space, all mappings. */
    AS,
    /** {@code RLIMIT_DATA}: private writable memory and the heap; a limit of 0 applies to the heap only. */
    DATA,
    /** {@code RLIMIT_STACK}: the maximum size to which a stack may grow. */
    STACK,
    /** {@code RLIMIT_MEMLOCK}: locked memory. */
    MEMLOCK,
    /**
     * Page tables: one page per table, including the topmost. An access that would exceed the limit returns {@link
     * Fault#OUT_OF_MEMORY}, and a call returns {@link Errno#ENOMEM}. Linux charges page tables to the memory cgroup.
     */
    PAGE_TABLES
}
